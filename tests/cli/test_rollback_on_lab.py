"""Rollbacks with the command alone, on real SSH hosts. The tests follow one environment through its life."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lab.environment_file import environment_path
from lab.traffic.commands import start_traffic, stop_traffic
from tests.cli.conftest import Command

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

V0, V1, V2 = "17.0.0-ee.0", "17.1.0-ee.0", "17.2.0-ee.0"
STAGES = {"canary": ("web",), "main": ("web", "sidekiq")}
"""What is deployed to of the lab's stages."""


@pytest.fixture(scope="module", autouse=True)
def small(takeoff: Command) -> None:
    """A small environment without checks: what is tested here is the way back."""
    path = environment_path(takeoff.lab.state)
    data = yaml.safe_load(path.read_text())
    data["stages"] = [
        {"name": stage["name"], "roles": {role: stage["roles"][role] for role in STAGES[stage["name"]]}}
        for stage in data["stages"]
        if stage["name"] in STAGES
    ]
    data["load_balancers"][0]["backends"] = {"web": {"roles": ["web"]}}
    for name in ("qa", "alerts"):
        data.pop(name, None)
    path.write_text(yaml.safe_dump(data, sort_keys=False))


@pytest.fixture
def users(takeoff: Command) -> Iterator[dict[str, Any]]:
    """Traffic for the length of a test; the report of it afterwards."""
    report: dict[str, Any] = {}
    start_traffic(takeoff.lab.state)
    try:
        yield report
    finally:
        report.update(stop_traffic(takeoff.lab.state))
    assert report["requests"] > 0
    assert report["failed"] == 0, report


def installed(takeoff: Command) -> set[str]:
    return {host["installed"] for host in takeoff.json("status", "lab")["hosts"]}


def bodies(takeoff: Command, kind: str) -> list[dict[str, Any]]:
    return [one["body"] for one in takeoff.entries() if one["body"]["kind"] == kind]


def servers_up(takeoff: Command) -> bool:
    names = ("web-cny-01", *(f"web-0{number}" for number in range(1, 5)))
    return all(takeoff.lab.server(name)["status"].startswith("UP") for name in names)


def wait_for_line(process: subprocess.Popen[str], begin: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(begin):
            return
    raise AssertionError(f"no line begins with {begin!r}: {process.communicate()}")


def test_a_fleet_is_taken_back_without_one_failed_request(takeoff: Command, users: dict[str, Any]) -> None:
    takeoff.lab.publish(V1)
    takeoff.run("deploy", "lab", V1)
    assert installed(takeoff) == {V1}
    told = takeoff.run("rollback", "lab", "17.0.0", "--reason", "logins fail").stdout
    assert installed(takeoff) == {V0}
    assert f"reachable: lab goes from {V1} to {V0}" in told
    assert "deploys of lab stay paused" in told


def test_after_a_rollback_the_left_version_is_rejected_and_deploys_are_held(takeoff: Command) -> None:
    status = takeoff.json("status", "lab")
    assert status["deployed"] == V0
    assert "logins fail" in status["hold"]["reason"]
    assert status["pending"] is None, "what V1 left to be migrated is not there any more"
    assert [(one["version"], "logins fail" in one["reason"]) for one in bodies(takeoff, "version_rejected")] == [
        (V1, True)
    ]


def test_resuming_does_not_deploy_the_rejected_version_again(takeoff: Command) -> None:
    takeoff.run("resume", "lab")
    assert takeoff.json("packages", "lab")["version"] == ""
    assert f"{V1} was rejected" in takeoff.run("deploy", "lab", V1, status=3).stderr


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ((V0, "--reason", "x"), 3, "not_older"),
        ((V2, "--reason", "x"), 3, "never_deployed"),
        ((V1, "--reason", " "), 2, "needs a reason"),
        ((V1, "--reason", "x", "--force", "migrating=now"), 2, "can never be forced"),
        ((V1, "--reason", "x", "--force", "weather=bad"), 2, "there is no refusal 'weather'"),
        ((V1, "--reason", "x", "--force", "skew"), 2, "NAME=REASON"),
    ],
    ids=["to what runs", "to what never ran", "no reason", "never forced", "no such refusal", "force without reason"],
)
def test_rule_4_a_rollback_is_refused_before_anything_is_changed(
    takeoff: Command, arguments: tuple[str, ...], status: int, told: str
) -> None:
    takeoff.lab.publish(V2)
    before = takeoff.entries()
    assert told in takeoff.run("rollback", "lab", *arguments, status=status).stderr
    assert takeoff.entries() == before


@pytest.mark.parametrize("driver", ["frozen", "dead"])
def test_rule_1_a_rollback_ends_a_deploy_whose_driver_is(takeoff: Command, driver: str) -> None:
    takeoff.run("resume", "lab")
    takeoff.lab.publish(V2)
    passed = ("--skip", "rejected=once more", "--skip", "upgrade_path=a test")
    deploy = takeoff.start("deploy", "lab", V2, *passed)
    try:
        wait_for_line(deploy, "  web-01: installing")
        deploy.send_signal(signal.SIGSTOP if driver == "frozen" else signal.SIGKILL)
        told = takeoff.run("deploy", "lab", V0, "--rollback", "--reason", "it hangs").stdout
        after = takeoff.entries()
        if driver == "frozen":
            deploy.send_signal(signal.SIGCONT)
        _, stderr = deploy.communicate(timeout=120)
    finally:
        deploy.kill()
    assert "the deploy of 17.2.0-ee.0" in told
    # A frozen one is told so by the first host it asks, or finds its connections broken by the long sleep.
    assert deploy.returncode in ((1, 3) if driver == "frozen" else (-signal.SIGKILL,)), stderr
    assert takeoff.entries() == after, "the former driver moves nothing any more"
    assert installed(takeoff) == {V0}
    assert servers_up(takeoff), "nothing is left drained"
    assert takeoff.json("lease", "lab")["operation"] == ""
    assert takeoff.json("status", "lab")["hold"] is not None


def test_rule_4_behind_a_point_of_no_return_a_rollback_is_refused_with_the_reason(takeoff: Command) -> None:
    takeoff.run("resume", "lab")
    takeoff.lab.publish(V1)
    takeoff.run("deploy", "lab", V1, "--skip", "rejected=once more")
    takeoff.run("post-deploy", "lab", "--yes")
    before = takeoff.entries()
    refused = takeoff.run("rollback", "lab", V0, "--reason", "it is bad", status=3).stderr
    assert "point_of_no_return: post-deploy migrations of 17.1.0-ee.0 began" in refused
    assert takeoff.entries() == before


def test_a_blessed_node_that_was_rebuilt_empty_stops_a_rollback_until_the_journal_is_restored(
    takeoff: Command,
) -> None:
    takeoff.lab.ssh("deploy-01", 'rm -rf "$TAKEOFF_HOST_ROOT/var/lib/takeoff"', check=True)
    assert "--restore" in takeoff.run("rollback", "lab", V0, "--reason", "x", status=3).stderr
    takeoff.run("journal", "lab", "--restore", "--reason", "the node was rebuilt")
    assert "point_of_no_return" in takeoff.run("rollback", "lab", V0, "--reason", "x", status=3).stderr


def test_a_forced_rollback_does_what_it_says_and_the_journal_keeps_who_and_why(takeoff: Command) -> None:
    # What a person does before forcing: the database is brought back to what the older version knows.
    takeoff.lab.ssh("deploy-01", 'gitlab-psql -c "ALTER TABLE notes ADD COLUMN detail_17_0 text"', check=True)
    takeoff.run("rollback", "lab", V0, "--reason", "it is bad", "--force", "point_of_no_return=restored the database")
    assert installed(takeoff) == {V0}
    (forced,) = [one for one in takeoff.entries() if one["body"]["kind"] == "overridden" and "@" in one["by"]][-1:]
    assert (forced["body"]["name"], forced["body"]["reason"]) == ("point_of_no_return", "restored the database")
