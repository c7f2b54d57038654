"""Deploys that a person stops in a real Airflow: by the control DAG, and by marking the task failed."""

from collections.abc import Iterator
from typing import Any

import pytest

from takeoff.clients.airflow_api import Run
from takeoff.core.dag_names import control_dag
from takeoff.core.task_ids import FINISH
from tests.airflow.real_airflow import DAG, RealAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

ROLLOUT = "main.web"


def slow_web_hosts(data: dict[str, Any]) -> None:
    """Four hosts one by one, each longer in flight than Airflow leaves a task that was marked failed."""
    data["batch"] = 1
    data["roles"]["web"]["prepare"] = ["sleep 10"]


@pytest.fixture
def deploy(takeoff: RealAirflow) -> Iterator[Run]:
    """A deploy in the middle of its longest rollout."""
    takeoff.takeoff("resume", "lab")
    version = takeoff.following()
    takeoff.publish(version)
    with takeoff.environment_changed(slow_web_hosts):
        run = takeoff.run(version=version)
        takeoff.reaches(run, "canary.web", "success")
        takeoff.reaches(run, ROLLOUT, "running")
        takeoff.eventually(lambda: drained(takeoff), "a host is in flight")
        yield run


def drained(takeoff: RealAirflow) -> list[str]:
    return [host["host"] for host in takeoff.status()["hosts"] if host["serving"] not in ("UP", "")]


def goes_on(takeoff: RealAirflow, run: Run) -> None:
    """Clear the rollout; the deploy ends well."""
    takeoff.api.clear_tasks(DAG, run.run_id, [ROLLOUT], downstream=True)
    takeoff.eventually(lambda: takeoff.api.task_states(DAG, run.run_id)[ROLLOUT] != "failed", "the rollout is cleared")
    takeoff.reaches(run, ROLLOUT, "success")
    takeoff.reaches(run, FINISH, "success")
    assert drained(takeoff) == []
    status = takeoff.status()
    assert {host["installed"] for host in status["hosts"]} == {status["deployed"]}


def test_the_control_dag_stops_a_deploy_with_no_host_in_flight_and_clearing_the_task_goes_on(takeoff, deploy):
    asked = {"action": "pause", "reason": "incident 42", "stop_after": "host", "requested_by": "slack:jane"}
    paused = takeoff.ends(takeoff.api.start_run(control_dag("lab"), asked))
    assert paused.state == "success"
    operation = takeoff.status()["operation"]["id"]
    assert f"{operation} stops once the hosts in flight are finished" in takeoff.note(paused)
    takeoff.ends(deploy)
    assert takeoff.api.task_states(DAG, deploy.run_id)[ROLLOUT] == "failed"
    assert drained(takeoff) == []
    failed = takeoff.journal()[-1]["body"]
    assert (failed["kind"], failed["task"]) == ("task_failed", ROLLOUT)
    assert "(incident 42); the hosts in flight were finished and none began after them" in failed["error"]
    assert "not reached" in failed["error"]
    takeoff.ends(takeoff.api.start_run(control_dag("lab"), {"action": "resume"}))
    goes_on(takeoff, deploy)


def test_a_rollout_that_is_marked_failed_begins_no_other_host_and_clearing_it_finishes_what_was_left(takeoff, deploy):
    takeoff.mark_failed(deploy, ROLLOUT)
    takeoff.ends(deploy)
    takeoff.eventually(
        lambda: "Airflow ends this task: hosts in flight are finished" in takeoff.log(deploy, ROLLOUT),
        "the task hears that it is ended",
    )
    left = drained(takeoff)
    assert len(left) <= 1
    goes_on(takeoff, deploy)
