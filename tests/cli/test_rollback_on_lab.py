"""Rollbacks with the command alone, on real SSH hosts; each test begins where the environment is at rest."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import yaml

from lab.environment_file import environment_path
from tests.cli.conftest import wait_for_line
from tests.cli.rollback_lab import RollbackLab, rollback_lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

LOST = 'rm -rf "${TAKEOFF_HOST_ROOT:-}/var/lib/takeoff"'
BROUGHT_BACK = 'gitlab-psql -c "ALTER TABLE notes ADD COLUMN IF NOT EXISTS detail_17_0 text"'
"""What a person does before forcing: the database is brought back to what the older version knows."""


@pytest.fixture(scope="module")
def takeoff() -> Iterator[RollbackLab]:
    with rollback_lab(hosts=9, stages={"canary": ("web",), "main": ("web",)}) as lab:
        yield lab


@pytest.fixture
def base(takeoff: RollbackLab) -> str:
    """The version that the fleet runs when a test begins."""
    return takeoff.at_rest()


def test_a_fleet_is_taken_back_without_one_failed_request_and_stays_there(takeoff: RollbackLab, base: str) -> None:
    newer = takeoff.newer()
    with takeoff.users():
        takeoff.run("deploy", "lab", newer)
        assert takeoff.installed() == {newer}
        told = takeoff.run("rollback", "lab", base, "--reason", "logins fail").stdout
    assert f"reachable: lab goes from {newer} to {base}" in told
    assert "deploys of lab stay paused" in told

    status = takeoff.json("status", "lab")
    assert {host["installed"] for host in status["hosts"]} == {base}
    assert status["deployed"] == base
    assert "logins fail" in status["hold"]["reason"]
    assert status["pending"] is None, "what the newer version left to be migrated is not there any more"
    rejected = takeoff.bodies("version_rejected")[-1]
    assert (rejected["version"], "logins fail" in rejected["reason"]) == (newer, True)

    takeoff.run("resume", "lab")
    assert takeoff.json("packages", "lab")["version"] == "", "resuming deploys no rejected version again"
    assert f"{newer} was rejected" in takeoff.run("deploy", "lab", newer, status=3).stderr


def test_rule_4_a_rollback_is_refused_before_anything_is_changed(takeoff: RollbackLab, base: str) -> None:
    never = takeoff.newer()
    before = takeoff.entries()
    assert "not_older" in takeoff.run("rollback", "lab", base, "--reason", "x", status=3).stderr
    assert "never_deployed" in takeoff.run("rollback", "lab", never, "--reason", "x", status=3).stderr
    assert takeoff.entries() == before


@pytest.mark.parametrize("driver", ["alive", "frozen", "dead"])
def test_rule_1_a_rollback_ends_a_deploy_whose_driver_is(takeoff: RollbackLab, base: str, driver: str) -> None:
    newer = takeoff.newer()
    deploy = takeoff.start("deploy", "lab", newer)
    try:
        wait_for_line(deploy, "  web-cny-01: installing")
        if driver != "alive":
            deploy.send_signal(signal.SIGSTOP if driver == "frozen" else signal.SIGKILL)
        told = takeoff.run("deploy", "lab", base, "--rollback", "--reason", "it hangs").stdout
        after = takeoff.entries()
        if driver == "frozen":
            deploy.send_signal(signal.SIGCONT)
        _, stderr = deploy.communicate(timeout=120)
    finally:
        deploy.kill()
    assert f"the deploy of {newer}" in told
    # One that wakes up is told so by the first host it asks, or finds its connections broken by the long sleep.
    expected = {"alive": (3,), "frozen": (1, 3), "dead": (-signal.SIGKILL,)}
    assert deploy.returncode in expected[driver], stderr
    assert takeoff.entries() == after, "the former driver moves nothing any more"
    assert takeoff.installed() == {base}
    assert takeoff.drained() == []
    assert takeoff.json("lease", "lab")["operation"] == ""
    assert takeoff.json("status", "lab")["hold"] is not None


def test_rule_4_behind_a_point_of_no_return_a_rollback_is_refused_until_it_is_forced(
    takeoff: RollbackLab, base: str
) -> None:
    newer = takeoff.newer()
    takeoff.run("deploy", "lab", newer)
    takeoff.run("post-deploy", "lab", "--yes")
    before = takeoff.entries()
    refused = takeoff.run("rollback", "lab", base, "--reason", "it is bad", status=3).stderr
    assert f"point_of_no_return: post-deploy migrations of {newer} began" in refused
    assert takeoff.entries() == before

    takeoff.lab.run("deploy-01", LOST)
    assert "--restore" in takeoff.run("rollback", "lab", base, "--reason", "x", status=3).stderr
    takeoff.run("journal", "lab", "--restore", "--reason", "the node was rebuilt")
    refused = takeoff.run("rollback", "lab", base, "--reason", "x", status=3).stderr
    assert "point_of_no_return" in refused, "it came back with the journal"

    takeoff.lab.run("deploy-01", BROUGHT_BACK)
    takeoff.run("rollback", "lab", base, "--reason", "bad", "--force", "point_of_no_return=restored the database")
    assert takeoff.installed() == {base}
    forced = [one for one in takeoff.entries() if one["body"]["kind"] == "overridden"][-1]
    assert (forced["body"]["name"], forced["body"]["reason"]) == ("point_of_no_return", "restored the database")
    assert "@" in forced["by"], "who forced it"


def test_a_replaced_blessed_node_changes_nothing_until_lease_and_journal_were_moved(
    takeoff: RollbackLab, base: str
) -> None:
    path = environment_path(takeoff.lab.state)
    before, entries = path.read_text(), takeoff.entries()
    ssh = takeoff.lab.record.hosts["sidekiq-01"].ssh
    node = {"name": "sidekiq-01", "address": ssh.address, "port": ssh.port}
    path.write_text(yaml.safe_dump(yaml.safe_load(before) | {"deploy_node": node}, sort_keys=False))
    try:
        refused = takeoff.run("pause", "lab", "--reason", "x", status=3).stderr
        assert "takeoff lease lab --move" in refused or "takeoff journal lab --restore" in refused
        takeoff.run("lease", "lab", "--move", "--reason", "deploy-01 is gone")
        assert takeoff.entries()[: len(entries)] == entries, "all of it has come along"
        assert takeoff.json("status", "lab")["deployed"] == base
        takeoff.run("pause", "lab", "--reason", "it works here")
    finally:
        path.write_text(before)
    assert "--restore" in takeoff.run("resume", "lab", status=3).stderr, "the former node knows less by now"
    takeoff.run("lease", "lab", "--move", "--reason", "deploy-01 is back")
    takeoff.run("resume", "lab")


@pytest.mark.soak
def test_a_host_that_gives_no_answer_is_taken_out_and_left_behind_and_the_others_go_back(
    takeoff: RollbackLab, base: str
) -> None:
    path = environment_path(takeoff.lab.state)
    before = path.read_text()
    # Of three servers one is silent and one is moved: one must be enough.
    path.write_text(yaml.safe_dump(yaml.safe_load(before) | {"floor": 1}, sort_keys=False))
    takeoff.run("deploy", "lab", takeoff.newer())
    cut = takeoff.lab.fault("unreachable", "web-02")
    cut.apply("web-02")
    try:
        told = takeoff.run("rollback", "lab", base, "--reason", "logins fail").stdout
        assert "web-02: left behind (unfenced)" in told
        status = takeoff.json("status", "lab")
        versions = {host["host"]: host["installed"] for host in status["hosts"] if host["host"] != "web-02"}
        assert set(versions.values()) == {base}
        left = takeoff.bodies("left_behind")[-1]
        assert left["host"] == "web-02"
        assert all("web-02" in server and "MAINT" in server for server in takeoff.drained())
        assert len(takeoff.drained()) == len(takeoff.lab.record.layout.balancers)
        cut.lift("web-02")
        takeoff.run("resume", "lab")
        takeoff.run("deploy", "lab", takeoff.newer())
        assert takeoff.drained() == [], "the next rollout takes it along"
    finally:
        cut.lift("web-02")
        path.write_text(before)
