"""Users of the lab: they see every failure, and none where there is none."""

import json
import time
from collections.abc import Iterator

import pytest

from lab.traffic.commands import read_report, start_traffic, stop_traffic
from lab.traffic.generator import plan_request
from tests.lab.running_lab import Lab, eventually, lab_command

pytestmark = pytest.mark.lab


@pytest.fixture
def traffic(lab: Lab) -> Iterator[None]:
    start_traffic(lab.state)
    eventually(lambda: read_report(lab.state)["requests"] > 100, "users are there")
    yield
    stop_traffic(lab.state)


def test_users_of_a_healthy_lab_see_no_failure(lab: Lab, traffic: None) -> None:
    before = read_report(lab.state)
    time.sleep(2)  # what is awaited is that nothing happens
    after = read_report(lab.state)
    begun = sum(after[part] - before[part] for part in ("requests", "in_flight"))
    assert begun / (after["seconds"] - before["seconds"]) == pytest.approx(100, rel=0.1)
    result = stop_traffic(lab.state)
    assert result["failed"] == 0
    assert result["causes"] == {}
    assert result["by_version"] == {"17.0.0-ee.0": result["requests"]}


def test_a_restart_without_draining_is_noticed(lab: Lab, traffic: None) -> None:
    for _ in range(5):
        lab.ssh("web-01", "gitlab-ctl stop && gitlab-ctl start", check=True)
        eventually(lambda: lab.server("web-01")["status"].startswith("UP"), "it is back")
        if read_report(lab.state)["failed"]:
            break
    stopped = lab_command(lab.state.folder, "traffic", "stop", "--json")
    assert stopped.returncode == 1
    result = json.loads(stopped.stdout)
    assert result["failed"] > 0
    assert sum(result["causes"].values()) == result["failed"]
    assert result["first_failures"][0]["request"].startswith("web: ")


def test_a_restart_of_a_drained_host_is_not(lab: Lab, traffic: None) -> None:
    assert lab.balancer("set server web/web-01 state drain").strip() == ""
    eventually(lambda: lab.server("web-01")["scur"] == "0", "sessions have ended")
    lab.ssh("web-01", "gitlab-ctl restart", check=True)
    eventually(lambda: lab.server("web-01")["check_status"] == "L7OK", "checks are good")
    assert lab.balancer("set server web/web-01 state ready").strip() == ""
    eventually(lambda: lab.server("web-01")["status"] == "UP", "it serves")
    result = stop_traffic(lab.state)
    assert (result["failed"], result["causes"]) == (0, {})


def test_one_in_fifty_lasts_long_one_in_five_writes_and_both_backends_are_used() -> None:
    plans = [plan_request(number) for number in range(1000)]
    assert sum(slow for _, slow, _ in plans) == 20
    assert sum(write for _, _, write in plans) == 200
    assert any(slow and write for _, slow, write in plans)
    assert sum(role == "git" for role, _, _ in plans) == 100


def test_two_generators_never_run_at_once(lab: Lab, traffic: None) -> None:
    second = lab_command(lab.state.folder, "traffic", "start")
    assert (second.returncode, "traffic runs already" in second.stderr) == (1, True)
