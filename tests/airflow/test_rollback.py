"""Rollbacks in a real Airflow: of a finished deploy, under traffic; in the middle of one, whatever its worker does."""

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lab.state import LabState
from lab.traffic.commands import start_traffic, stop_traffic
from takeoff.clients.airflow_api import Run
from takeoff.core.dag_names import control_dag, rollback_dag
from takeoff.core.task_ids import APPROVE, FINISH, POST_DEPLOY
from tests.airflow.real_airflow import DAG, RealAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

ROLLBACK, CONTROL = rollback_dag("lab"), control_dag("lab")


@pytest.fixture(scope="module")
def base(takeoff: RealAirflow) -> str:
    """The version that the whole fleet runs; nothing is held."""
    control(takeoff, action="resume")
    return str(takeoff.status()["deployed"])


@pytest.fixture(scope="module")
def asking(takeoff: RealAirflow, base: str) -> Run:
    """A deploy of the next version that waits for the approval of its post-deploy migrations."""
    version = later(base, 1)
    takeoff.publish(version)
    run = takeoff.run(version=version, reason="to be taken back")
    for task in ("canary.web", "main.web", FINISH):  # Each may take its time on a busy machine.
        takeoff.reaches(run, task, "success")
    takeoff.reaches(run, APPROVE, "awaiting_input")
    return run


@pytest.fixture(scope="module")
def taken_back(takeoff: RealAirflow, base: str, asking: Run) -> tuple[Run, dict[str, Any]]:
    """The rollback of it, and what users saw meanwhile."""
    state = LabState(takeoff.environment_file.parent.parent)
    start_traffic(state)
    try:
        run = roll_back(takeoff, version=base, reason="logins fail")
    finally:
        report = stop_traffic(state)
    return run, report


def later(version: str, by: int) -> str:
    major, minor, rest = version.split(".", 2)
    return f"{major}.{int(minor) + by}.{rest}"


def roll_back(takeoff: RealAirflow, **conf: str) -> Run:
    run = takeoff.api.start_run(ROLLBACK, conf)
    for task in ("stop_deploy", "roll_back.web"):
        takeoff.reaches(run, task, "success")
    return takeoff.ends(run)


def control(takeoff: RealAirflow, **conf: str) -> Run:
    return takeoff.ends(takeoff.api.start_run(CONTROL, conf))


def bodies(takeoff: RealAirflow, kind: str) -> list[dict[str, Any]]:
    return [entry["body"] for entry in takeoff.journal() if entry["body"]["kind"] == kind]


def installed(takeoff: RealAirflow) -> set[str]:
    return {host["installed"] for host in takeoff.status()["hosts"]}


def test_a_fleet_is_taken_back_without_one_failed_request(takeoff, base, taken_back):
    run, users = taken_back
    assert run.state == "success", run.note
    assert users["requests"] > 0
    assert users["failed"] == 0, users
    assert installed(takeoff) == {base}
    assert takeoff.status()["deployed"] == base


def test_the_version_that_was_left_is_rejected_with_the_reason(takeoff, base, taken_back):
    rejected = bodies(takeoff, "version_rejected")[-1]
    assert rejected["version"] == later(base, 1)
    assert "logins fail" in rejected["reason"]


def test_the_question_of_the_deploy_that_was_taken_back_is_withdrawn(takeoff, asking, taken_back):
    ended = takeoff.ends(asking)
    assert "superseded by the rollback" in ended.note
    assert takeoff.api.task_states(DAG, asking.run_id)[POST_DEPLOY] == "skipped"


def test_deploys_stay_held_and_one_resume_lifts_hold_and_toggle(takeoff, taken_back):
    assert "logins fail" in takeoff.status()["hold"]["reason"]
    assert takeoff.api.is_paused(DAG), "the hold's visible sign"
    resumed = control(takeoff, action="resume", requested_by="maria")
    assert resumed.note.startswith("resume, asked by maria through admin")
    assert takeoff.status()["hold"] is None
    assert not takeoff.api.is_paused(DAG)


def test_clearing_a_task_of_the_old_run_changes_nothing_and_says_why(takeoff, base, asking, taken_back):
    control(takeoff, action="resume")
    before = takeoff.journal()
    takeoff.api.clear_tasks(DAG, asking.run_id, ["main.web"])
    takeoff.reaches(asking, "main.web", "failed")
    assert "came after it" in takeoff.log(asking, "main.web")
    assert takeoff.journal() == before
    assert installed(takeoff) == {base}


def test_the_toggle_follows_a_pause_without_an_end_only(takeoff, taken_back):
    takeoff.eventually(lambda: not takeoff.api.runs(DAG, ("queued", "running")), "no run is in flight")
    control(takeoff, action="pause", reason="maintenance", **{"for": "2h"})
    assert not takeoff.api.is_paused(DAG), "nobody would switch it on again when the hold ends"
    control(takeoff, action="pause", reason="maintenance")
    assert takeoff.api.is_paused(DAG)
    takeoff.takeoff("resume", "lab")
    assert not takeoff.api.is_paused(DAG)


def test_a_rollback_that_is_refused_changes_nothing_and_names_why(takeoff, base, taken_back):
    before = takeoff.journal()
    run = takeoff.ends(takeoff.api.start_run(ROLLBACK, {"version": later(base, 9), "reason": "x"}))
    assert run.state == "failed"
    assert takeoff.journal() == before


TASKS = ("warmup", "migrations", "canary.web", "canary.sidekiq", "canary.qa", "canary.alerts", "main.web", FINISH)
WITH_A_WORKER = ("warmup", "canary.web", "main.web")
"""Tasks that are long enough for their process to be stopped in the midst of them."""

CASES = [("alive", task) for task in TASKS] + [(how, task) for how in ("dead", "frozen") for task in WITH_A_WORKER]


@pytest.mark.parametrize(("worker", "task"), CASES, ids=[f"{worker}-{task}" for worker, task in CASES])
def test_a_deploy_is_ended_in_the_middle_of_a_task_while_its_worker_is(takeoff, base, worker, task):
    takeoff.takeoff("resume", "lab")
    version = takeoff.following()
    takeoff.publish(version)
    deploy = takeoff.run(version=version)
    for earlier in (*(one for one in ("canary.web", "main.web") if TASKS.index(one) < TASKS.index(task)), task):
        takeoff.reaches(deploy, earlier, "running", "deferred", "success")
    stopped: tuple[int, ...] = ()
    if worker != "alive":
        pid = takeoff.eventually(lambda: worker_of(takeoff, task, version), f"{task} has a driver")
        stopped = (pid, parent_of(pid)) if worker == "frozen" else (pid,)
    try:
        for one in stopped:
            os.kill(one, signal.SIGSTOP if worker == "frozen" else signal.SIGKILL)
        run = roll_back(takeoff, version=base, reason=f"in {task}, its worker {worker}")
    finally:
        if worker == "frozen":
            for one in reversed(stopped):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGCONT)
    assert run.state == "success", run.note
    assert takeoff.ends(deploy).state == "failed" or task == FINISH
    assert takeoff.status()["hold"] is not None
    takeoff.takeoff("resume", "lab")
    after = takeoff.journal()
    takeoff.api.clear_tasks(DAG, deploy.run_id, [task])
    takeoff.eventually(
        lambda: takeoff.api.task_states(DAG, deploy.run_id)[task] == "failed", f"{task}, cleared, is refused"
    )
    takeoff.ends(deploy)
    assert takeoff.journal() == after, "nothing of the old run moves any more"
    assert installed(takeoff) == {base}
    assert takeoff.status()["operation"]["outcome"] == "succeeded"


def worker_of(takeoff: RealAirflow, task: str, version: str) -> int:
    """The process of the newest driver of a task of the open operation to a version; 0 if there is none yet."""
    operation = ""
    pid = 0
    for entry in takeoff.journal():
        body = entry["body"]
        if body["kind"] == "operation_opened" and body["details"]["version"] == version:
            operation, pid = entry["operation"], 0
        if body["kind"] == "driver_started" and entry["operation"] == operation and body["driver"]["task"] == task:
            pid = int(body["driver"]["name"].split(":")[1])
    return pid


def parent_of(pid: int) -> int:
    """The process that supervises a task's."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
