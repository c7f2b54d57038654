"""Users of the lab: they see every failure, and none where there is none."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from lab.traffic.commands import RATE, read_report, start_traffic, stop_traffic
from lab.traffic.generator import plan_request
from tests.lab.running import RunningLab, eventually, lab_command

pytestmark = pytest.mark.lab


@pytest.fixture
def traffic(lab: RunningLab) -> Iterator[None]:
    lab.await_serving()
    start_traffic(lab.state)
    eventually(lambda: read_report(lab.state)["requests"] > 100, "users are there")
    yield
    stop_traffic(lab.state)
    lab.await_serving()


def web_hosts(lab: RunningLab) -> list[str]:
    return [host.name for host in lab.record.layout.hosts if host.role == "web"]


@dataclass(frozen=True)
class QuietTime:
    """Some seconds in which nothing happens to the lab.

    Attributes:
        running: the report while users come.
        second: what happened to a second start meanwhile.
        final: the report after the last answer.
    """

    running: dict[str, Any]
    second: subprocess.CompletedProcess[str]
    final: dict[str, Any]


@pytest.fixture(scope="module")
def quiet_time(lab: RunningLab) -> QuietTime:
    lab.await_serving()
    start_traffic(lab.state)
    try:
        second = lab_command(lab.state.folder, "traffic", "start")
        eventually(lambda: read_report(lab.state)["requests"] > 3 * RATE, "three seconds of users", seconds=60)
        running = read_report(lab.state)
    finally:
        final = stop_traffic(lab.state)
    return QuietTime(running, second, final)


def test_users_come_as_often_as_promised_whatever_the_answers_take(quiet_time: QuietTime) -> None:
    report = quiet_time.running
    begun = report["requests"] + report["in_flight"]
    assert begun > 0.75 * RATE * report["seconds"]  # those that are late are begun at once afterwards: none is left out


def test_users_of_a_healthy_lab_see_no_failure(quiet_time: QuietTime) -> None:
    result = quiet_time.final
    assert (result["failed"], result["causes"]) == (0, {})
    assert sum(result["by_version"].values()) == result["requests"] > 3 * RATE


def test_two_generators_never_run_at_once(quiet_time: QuietTime) -> None:
    second = quiet_time.second
    assert (second.returncode, "traffic runs already" in second.stderr) == (1, True)


def test_users_see_a_rolling_restart_without_draining(lab: RunningLab, traffic: None) -> None:
    def seen() -> bool:
        for host in web_hosts(lab):
            lab.run(host, "gitlab-ctl stop && gitlab-ctl start")
            lab.await_serving()
        return bool(read_report(lab.state)["failed"])

    eventually(seen, "a user's request failed", seconds=60)
    stopped = lab_command(lab.state.folder, "traffic", "stop", "--json")
    assert stopped.returncode == 1
    result = json.loads(stopped.stdout)
    assert result["failed"] > 0
    assert sum(result["causes"].values()) == result["failed"]
    assert result["first_failures"][0]["request"].startswith("web: ")


def test_users_see_nothing_of_a_rolling_restart_with_draining(lab: RunningLab, traffic: None) -> None:
    for host in web_hosts(lab):
        lab.set_server(host, "drain")
        for node in lab.record.layout.balancers:
            eventually(lambda node=node, host=host: lab.server(node, host)["scur"] == "0", f"{host} is idle on {node}")
        lab.run(host, "gitlab-ctl restart")
        version = lab.version(host)
        eventually(lambda host=host, version=version: lab.serves(host, version), f"{host} serves")
        for node in lab.record.layout.balancers:
            eventually(lambda node=node, host=host: lab.server(node, host)["status"] == "DRAIN", "checks are good")
        lab.set_server(host, "ready")
        lab.await_serving()
    result = stop_traffic(lab.state)
    assert (result["failed"], result["causes"]) == (0, {})


def test_one_in_fifty_lasts_long_one_in_five_writes_and_both_backends_are_used() -> None:
    plans = [plan_request(number) for number in range(1000)]
    assert sum(slow for _, slow, _ in plans) == 20
    assert sum(write for _, _, write in plans) == 200
    assert any(slow and write for _, slow, write in plans)
    assert sum(role == "git" for role, _, _ in plans) == 100
