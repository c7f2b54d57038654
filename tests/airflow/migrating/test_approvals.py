"""The yes to post-deploy migrations at the wrong time: while held, during a newer deploy, toggle off, twice."""

import json
from typing import Any

import pytest

from takeoff.clients.airflow_api import Run, WaitingApproval
from takeoff.core.task_ids import APPROVE, FINISH, POST_DEPLOY
from tests.airflow.real_airflow import DAG, RealAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def asking(takeoff: RealAirflow) -> Run:
    """A deploy that waits for the approval of its post-deploy migrations."""
    takeoff.takeoff("resume", "lab")
    version = takeoff.following()
    takeoff.publish(version)
    run = takeoff.run(version=version)
    for task in ("canary.web", "main.web", FINISH, APPROVE):  # Each may take its time on a busy machine.
        takeoff.reaches(run, task, "success", "awaiting_input")
    return run


@pytest.fixture
def points(takeoff: RealAirflow) -> list[dict[str, Any]]:
    """The points of no return before a test."""
    return points_of_no_return(takeoff)


def points_of_no_return(takeoff: RealAirflow) -> list[dict[str, Any]]:
    return [one["body"] for one in takeoff.journal() if one["body"]["kind"] == "point_of_no_return"]


def ask_again(takeoff: RealAirflow, run: Run) -> WaitingApproval:
    if takeoff.api.task_states(DAG, run.run_id)[APPROVE] != "awaiting_input":
        takeoff.api.clear_tasks(DAG, run.run_id, [APPROVE])
        takeoff.eventually(
            lambda: takeoff.api.task_states(DAG, run.run_id)[APPROVE] == "awaiting_input", "it asks again"
        )
    return next(waiting for waiting in takeoff.api.waiting_approvals(DAG) if waiting.run_id == run.run_id)


def test_a_yes_while_deploys_are_held_runs_nothing_and_names_the_hold(takeoff, asking, points):
    ask_again(takeoff, asking)
    takeoff.takeoff("pause", "lab", "--reason", "the database moves")
    takeoff.answer(asking, "Approve", "")
    takeoff.reaches(asking, POST_DEPLOY, "failed")
    takeoff.ends(asking)
    takeoff.takeoff("resume", "lab")
    assert "paused: deploys are paused: the database moves" in takeoff.note(asking)
    assert points_of_no_return(takeoff) == points


def test_a_yes_after_a_newer_deploy_began_runs_nothing_and_names_it(takeoff, asking, points):
    ask_again(takeoff, asking)
    newer = takeoff.following()
    takeoff.publish(newer)
    takeoff.takeoff("deploy", "lab", newer, "--only", "lease")
    try:
        takeoff.answer(asking, "Approve", "")
        takeoff.reaches(asking, POST_DEPLOY, "failed")
        takeoff.ends(asking)
        assert f"deploy of {newer}" in takeoff.note(asking) or newer in takeoff.note(asking)
        assert "lab-" in takeoff.note(asking), "what holds the environment"
    finally:
        takeoff.takeoff("lease", "lab", "--release", "--reason", "it was only opened")
    assert points_of_no_return(takeoff) == points


def test_a_yes_while_the_dags_toggle_is_off_counts_once_it_is_on(takeoff, asking, points):
    ask_again(takeoff, asking)
    takeoff.api.set_paused(DAG, paused=True)
    try:
        takeoff.answer(asking, "Approve", "")
        takeoff.eventually(
            lambda: all(waiting.run_id != asking.run_id for waiting in takeoff.api.waiting_approvals(DAG)),
            "the answer is taken",
        )
        assert takeoff.api.task_states(DAG, asking.run_id)[POST_DEPLOY] in ("", "scheduled")
        assert points_of_no_return(takeoff) == points
    finally:
        takeoff.api.set_paused(DAG, paused=False)
    assert takeoff.ends(asking).state == "success", takeoff.note(asking)
    assert len(points_of_no_return(takeoff)) == len(points) + 1
    assert takeoff.status()["pending"] is None


def test_a_second_yes_runs_nothing_a_second_time(takeoff, asking, points):
    takeoff.api.clear_tasks(DAG, asking.run_id, [POST_DEPLOY])
    assert takeoff.ends(asking).state == "success"
    assert "no post-deploy migrations" in takeoff.log(asking, POST_DEPLOY)
    takeoff.api.clear_tasks(DAG, asking.run_id, [APPROVE])
    takeoff.ends(asking)
    assert takeoff.api.task_states(DAG, asking.run_id)[APPROVE] == "skipped", "there is nothing to ask about any more"
    assert points_of_no_return(takeoff) == points
    assert json.loads(takeoff.takeoff("lease", "lab", "--json"))["operation"] == ""
