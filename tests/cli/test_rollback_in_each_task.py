"""A rollback that begins in the middle of each task of a deploy, whatever its process does: alive, dead or frozen."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.cli.conftest import wait_for_line
from tests.cli.rollback_lab import RollbackLab, rollback_lab

pytestmark = [pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

BEGINS = {
    "warmup": "warmup: ",
    "migrations": "  deploy-01: migrating",
    "canary.web": "  web-cny-01: draining",
    "canary.sidekiq": "  sidekiq-cny-01: installing",
    "main.web": "  web-01: installing",
    "main.sidekiq": "  sidekiq-01: installing",
    "finish": "finish",
}
"""Task → the line that the command prints when it is in the middle of it."""


@pytest.fixture(scope="module")
def takeoff() -> Iterator[RollbackLab]:
    with rollback_lab(hosts=9, stages={"canary": ("web", "sidekiq"), "main": ("web", "sidekiq")}) as lab:
        yield lab


@pytest.mark.parametrize("driver", ["alive", "dead", "frozen"])
@pytest.mark.parametrize("task", BEGINS)
def test_a_rollback_that_begins_in_a_task_brings_the_whole_fleet_back(
    takeoff: RollbackLab, task: str, driver: str
) -> None:
    base, newer = takeoff.at_rest(), takeoff.newer()
    deploy = takeoff.start("deploy", "lab", newer)
    try:
        wait_for_line(deploy, BEGINS[task])
        if driver != "alive":
            deploy.send_signal(signal.SIGSTOP if driver == "frozen" else signal.SIGKILL)
        takeoff.run("rollback", "lab", base, "--reason", f"in {task}, its driver {driver}")
        after = takeoff.entries()
        if driver == "frozen":
            deploy.send_signal(signal.SIGCONT)
        deploy.communicate(timeout=120)
    finally:
        deploy.kill()
    assert takeoff.entries() == after, "nothing of the old deploy moves any more"
    status = takeoff.json("status", "lab")
    assert {host["installed"] for host in status["hosts"]} == {base}
    assert status["deployed"] == base
    assert status["hold"] is not None
    assert takeoff.drained() == []
    assert takeoff.json("lease", "lab")["operation"] == ""
    takeoff.run("resume", "lab")
    assert f"{newer} was rejected" in takeoff.run("deploy", "lab", newer, status=3).stderr
    assert takeoff.installed() == {base}
