"""QA and alerts once more after post-deploy migrations, by choice of the environment file, in a real Airflow."""

import json
from collections.abc import Iterator

import pytest

from takeoff.clients.airflow_api import Run
from takeoff.core.task_ids import APPROVE, FINISH, POST_DEPLOY, POST_DEPLOY_ALERTS, POST_DEPLOY_QA
from tests.airflow.real_airflow import DAG, RealAirflow
from tests.conftest import folder_within_reach

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def takeoff() -> Iterator[RealAirflow]:
    """Airflow on a lab whose every host is deployed to: QA would find those that do not bear the migrations."""
    with folder_within_reach() as folder:
        chosen = {"post_deploy_checks": {"qa": True, "alerts": True}}
        real = RealAirflow(folder, settings=chosen, whole_fleet=True)
        try:
            real.start()
            yield real
        finally:
            real.stop()


@pytest.fixture(scope="module")
def red(takeoff: RealAirflow) -> Run:
    """A deploy whose post-deploy migrations have run, and whose QA has failed after them."""
    version = takeoff.following()
    takeoff.publish(version)
    run = takeoff.run(version=version)
    for task in ("canary.web", "canary.alerts", "main.web", FINISH, APPROVE):  # Each may take its time.
        takeoff.reaches(run, task, "success", "awaiting_input")
    takeoff.fault("qa-failing").apply("")
    takeoff.answer(run, "Approve", "")
    takeoff.reaches(run, POST_DEPLOY, "success")
    takeoff.reaches(run, POST_DEPLOY_QA, "failed")
    takeoff.fault("qa-failing").lift("")
    return takeoff.ends(run)


def kinds(takeoff: RealAirflow, kind: str) -> int:
    return sum(entry["body"]["kind"] == kind for entry in takeoff.journal())


def test_a_red_qa_after_the_migrations_keeps_the_lease_and_says_that_they_are_done(takeoff, red):
    assert red.state == "failed"
    assert "QA has not passed" in red.note
    assert "themselves are done and past their point of no return" in red.note
    assert takeoff.api.task_states(DAG, red.run_id)[POST_DEPLOY_ALERTS] == "upstream_failed"
    status = takeoff.status()
    assert (status["operation"]["kind"], status["operation"]["outcome"]) == ("post_deploy", None)
    assert status["pending"] is None
    assert json.loads(takeoff.takeoff("lease", "lab", "--json"))["operation"] == status["operation"]["id"]
    stopped = json.loads(takeoff.takeoff("why", "lab", "--json", "--no-packages"))["stopped"]
    assert (stopped["task"], stopped["operation"]) == (POST_DEPLOY_QA, status["operation"]["id"])
    assert POST_DEPLOY_QA in stopped["then"]


def test_its_retry_goes_on_with_the_checks_alone_and_the_last_one_gives_the_lease_back(takeoff, red):
    takeoff.api.clear_tasks(DAG, red.run_id, [POST_DEPLOY_QA], downstream=True)
    for task in (POST_DEPLOY_QA, POST_DEPLOY_ALERTS):
        takeoff.reaches(red, task, "success")
    assert takeoff.ends(red).state == "success"
    assert "past their point of no return" not in takeoff.note(red), "the note of the failed try is made good"
    assert takeoff.tries(red, POST_DEPLOY) == 1
    assert (kinds(takeoff, "point_of_no_return"), kinds(takeoff, "post_deploy_finished")) == (1, 1)
    assert takeoff.status()["operation"]["outcome"] == "succeeded"
    assert json.loads(takeoff.takeoff("lease", "lab", "--json"))["operation"] == ""


def test_once_nothing_is_pending_the_cleared_tasks_open_nothing_and_the_checks_are_skipped(takeoff, red):
    before = kinds(takeoff, "operation_opened")
    takeoff.api.clear_tasks(DAG, red.run_id, [POST_DEPLOY], downstream=True)
    takeoff.eventually(lambda: takeoff.tries(red, POST_DEPLOY) == 2, "it is tried again")
    assert takeoff.ends(red).state == "success"
    states = takeoff.api.task_states(DAG, red.run_id)
    assert (states[POST_DEPLOY], states[POST_DEPLOY_QA], states[POST_DEPLOY_ALERTS]) == ("success", *["skipped"] * 2)
    assert "nothing to check" in takeoff.log(red, POST_DEPLOY_QA)
    assert kinds(takeoff, "operation_opened") == before
