"""A deploy in a real Airflow, from a host that breaks to the post-deploy migrations; each test leaves off where the
next begins, and the fixtures bring a single one there too.
"""

import json
from typing import Any
from urllib.parse import quote

import pytest

from takeoff.clients.airflow_api import Run, WaitingApproval
from takeoff.core.task_ids import APPROVE, FINISH, POST_DEPLOY
from tests.airflow.real_airflow import DAG, RealAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.timeout(900)]

BROKEN = "web-02"
EVENTS = 3
"""How often the asset rings during the newer deploy."""


@pytest.fixture(scope="session")
def broken_off(takeoff: RealAirflow) -> Run:
    """A person's run that stopped at main.web, because a host cannot be reconfigured."""
    takeoff.publish("17.1.0-ee.0")
    takeoff.fault("reconfigure", BROKEN).apply(BROKEN)
    run = takeoff.run(reason="as a test")
    takeoff.reaches(run, "main.web", "failed")
    return takeoff.ends(run)


@pytest.fixture(scope="session")
def asking(takeoff: RealAirflow, broken_off: Run) -> Run:
    """The same run, repaired and cleared from its first task on; it waits for the approval."""
    takeoff.fault("reconfigure", BROKEN).lift(BROKEN)
    takeoff.api.clear_tasks(DAG, broken_off.run_id, ["new_package"], downstream=True)
    takeoff.reaches(broken_off, APPROVE, "awaiting_input")
    return broken_off


@pytest.fixture(scope="session")
def rejected(takeoff: RealAirflow, asking: Run) -> Run:
    """The same run, after a person's no."""
    takeoff.answer(asking, "Reject", "on Monday")
    return takeoff.ends(asking)


@pytest.fixture(scope="session")
def asking_again(takeoff: RealAirflow, rejected: Run) -> Run:
    """The same run, its approval cleared."""
    takeoff.api.clear_tasks(DAG, rejected.run_id, [APPROVE])
    takeoff.reaches(rejected, APPROVE, "awaiting_input")
    return rejected


@pytest.fixture(scope="session")
def newer(takeoff: RealAirflow, asking_again: Run) -> Run:
    """An automatic run that deployed a newer version meanwhile; it waits for its own approval.

    While it ran, an even newer version came with three events, and a person held further deploys.
    """
    takeoff.publish("17.2.0-ee.0")
    takeoff.fault("qa-flaky").apply("")
    run = takeoff.ring()
    takeoff.reaches(run, "lease", "success")
    takeoff.publish("17.3.0-ee.0")
    for _ in range(EVENTS):
        assert takeoff.ends(takeoff.ring()).state == "success"
    takeoff.takeoff("pause", "lab", "--reason", "the database moves")
    takeoff.reaches(run, APPROVE, "awaiting_input")
    takeoff.fault("qa-flaky").lift("")
    return run


@pytest.fixture(scope="session")
def rung_by_finish(takeoff: RealAirflow, newer: Run) -> Run:
    """The automatic run that the end of the newer deploy has started for the even newer version."""
    takeoff.eventually(lambda: len(runs_after(takeoff, newer)) > EVENTS, "finish rings the asset again")
    return takeoff.ends(runs_after(takeoff, newer)[0])


@pytest.fixture(scope="session")
def held_by_hand(takeoff: RealAirflow, rung_by_finish: Run) -> Run:
    """A person's run for that version, which the hold refuses; then the hold is lifted."""
    run = takeoff.ends(takeoff.run(version="17.3.0-ee.0"))
    takeoff.takeoff("resume", "lab")
    return run


def runs_after(takeoff: RealAirflow, run: Run) -> list[Run]:
    """The runs that began after that one, newest first."""
    runs = takeoff.api.runs(DAG)
    return runs[: [one.run_id for one in runs].index(run.run_id)]


def approval(takeoff: RealAirflow, run: Run) -> WaitingApproval:
    return next(waiting for waiting in takeoff.api.waiting_approvals(DAG) if waiting.run_id == run.run_id)


def bodies(takeoff: RealAirflow, kind: str) -> list[dict[str, Any]]:
    return [entry["body"] for entry in takeoff.journal() if entry["body"]["kind"] == kind]


def test_a_broken_host_stops_the_deploy_with_one_sentence_in_log_and_note(takeoff, broken_off):
    assert broken_off.state == "failed"
    assert broken_off.note.startswith("main.web: ")
    assert BROKEN in broken_off.note
    told = broken_off.note.removeprefix("main.web: ").splitlines()[0]
    assert told in takeoff.log(broken_off, "main.web"), "the log says the same"


def test_a_failed_deploy_keeps_its_lease(takeoff, broken_off):
    operation = takeoff.status()["operation"]
    assert (operation["version"], operation["outcome"]) == ("17.1.0-ee.0", None)
    assert quote(broken_off.run_id) in operation["run_url"]


def test_an_automatic_run_that_finds_the_environment_busy_ends_well_and_says_why(takeoff, broken_off):
    run = takeoff.ends(takeoff.ring())
    assert run.state == "success"
    assert takeoff.api.task_states(DAG, run.run_id)["canary.web"] == "skipped"
    assert "lab-1" in run.note, "who holds the environment"


def test_a_persons_run_that_finds_the_environment_busy_fails_and_says_why(takeoff, broken_off):
    run = takeoff.ends(takeoff.run(version="17.1.0-ee.0"))
    assert run.state == "failed"
    assert "lab-1" in run.note


def test_every_task_can_be_cleared_and_run_again(takeoff, asking):
    states = takeoff.api.task_states(DAG, asking.run_id)
    assert {task: state for task, state in states.items() if state != "success"} == {
        APPROVE: "awaiting_input",
        POST_DEPLOY: "",
    }
    assert takeoff.status()["deployed"] == "17.1.0-ee.0"


def test_a_rollout_that_runs_again_changes_nothing(takeoff, asking):
    assert takeoff.summaries("canary.web") == ["1 changed", "1 unchanged"]


def test_migrations_that_run_again_leave_the_same_for_later(takeoff, asking):
    first, again = takeoff.summaries("migrations")
    assert first == again
    assert "pending for after the deploy: 1 migration" in again


def test_the_first_pipeline_of_a_check_is_its_only_one(takeoff, asking):
    assert [body["task"] for body in bodies(takeoff, "pipeline_started")] == ["canary.qa", "main.qa"]


def test_the_approval_names_what_runs_and_what_it_burns(takeoff, asking):
    details = takeoff.get(f"/dags/{DAG}/dagRuns/{asking.run_id}/taskInstances/{APPROVE}/-1/hitlDetails")
    assert details["subject"] == "Run 1 post-deploy migration of gitlab-ee 17.1.0-ee.0 on lab?"
    assert "point of no return" in details["body"]
    assert "`17.0.0-ee.0`" in details["body"], "the version that a rollback will no longer reach"


def test_a_rejected_approval_runs_nothing_and_ends_the_run_well(takeoff, rejected):
    assert rejected.state == "success"
    assert takeoff.api.task_states(DAG, rejected.run_id)[POST_DEPLOY] == "skipped"
    assert rejected.note == "Post-deploy migrations: Reject by admin: on Monday"
    assert bodies(takeoff, "point_of_no_return") == []
    assert any("Reject by admin" in body["text"] for body in bodies(takeoff, "noted")), "the journal has the answer"


def test_migrations_that_were_rejected_do_not_run_when_they_are_cleared_alone(takeoff, rejected):
    takeoff.api.clear_tasks(DAG, rejected.run_id, [POST_DEPLOY])
    takeoff.ends(rejected)
    assert takeoff.api.task_states(DAG, rejected.run_id)[POST_DEPLOY] in ("skipped", "failed")
    assert bodies(takeoff, "point_of_no_return") == []


def test_clearing_the_approval_asks_again(takeoff, asking_again):
    assert approval(takeoff, asking_again).task_id == APPROVE
    assert takeoff.api.task_states(DAG, asking_again.run_id)[POST_DEPLOY] == "", "cleared with it"


def test_a_run_that_waits_does_not_hold_up_the_next_which_answers_it(takeoff, asking_again, newer):
    superseded = takeoff.ends(asking_again)
    assert superseded.state == "success"
    assert superseded.note.startswith("Post-deploy migrations: Reject by takeoff: superseded by ")
    assert takeoff.status()["deployed"] == "17.2.0-ee.0"


def test_the_newer_deploys_approval_covers_all_that_is_pending(takeoff, newer):
    assert approval(takeoff, newer).subject == "Run 2 post-deploy migrations of gitlab-ee 17.2.0-ee.0 on lab?"


def test_qa_that_passes_only_when_it_runs_again_is_told_as_flaky(takeoff, newer):
    assert "only at a further try: gitlab-qa-smoke" in takeoff.summaries("main.qa")[-1]
    assert [body["task"] for body in bodies(takeoff, "pipeline_started")] == ["canary.qa", "main.qa"] * 2


def test_a_newer_candidate_is_rung_for_by_the_end_of_a_deploy_and_a_hold_ends_its_run_well(takeoff, rung_by_finish):
    assert rung_by_finish.state == "success"
    assert "the database moves" in rung_by_finish.note
    assert takeoff.status()["operation"]["version"] == "17.2.0-ee.0", "no operation was opened"


def test_any_number_of_events_during_a_deploy_leads_to_one_following_run(takeoff, newer, rung_by_finish):
    following, *during = runs_after(takeoff, newer)
    assert following.run_id == rung_by_finish.run_id
    assert len(during) == EVENTS
    for run in during:
        assert "lab-2" in takeoff.note(run), "ended by itself, as the environment is busy"


def test_a_persons_run_fails_while_deploys_are_held(takeoff, held_by_hand):
    assert held_by_hand.state == "failed"
    assert "the database moves" in held_by_hand.note


def test_a_task_of_an_older_run_changes_nothing_and_says_why(takeoff, asking_again, newer):
    takeoff.ends(asking_again)
    entries = len(takeoff.journal())
    takeoff.api.clear_tasks(DAG, asking_again.run_id, ["canary.web"])
    takeoff.reaches(asking_again, "canary.web", "failed")
    note = takeoff.note(asking_again)
    assert note.startswith("canary.web: operation lab-1 ended")
    assert "lab-2 (deploy to 17.2.0-ee.0) came after it" in note
    assert len(takeoff.journal()) == entries


def test_nobodys_answer_counts_as_no_after_the_approvals_time(takeoff, newer, held_by_hand):
    with takeoff.environment_changed(lambda data: data.update(approval={"expires": "1s"})):
        takeoff.api.clear_tasks(DAG, newer.run_id, [APPROVE])
        run = takeoff.ends(newer)
    assert (run.state, run.note) == (
        "success",
        "Post-deploy migrations: nobody answered in time, which counts as Reject",
    )
    assert takeoff.api.task_states(DAG, newer.run_id)[POST_DEPLOY] == "skipped"


def test_an_approved_migration_runs_after_its_point_of_no_return(takeoff, newer, held_by_hand):
    takeoff.api.clear_tasks(DAG, newer.run_id, [APPROVE])
    takeoff.answer(newer, "Approve", "")
    assert takeoff.ends(newer).state == "success"
    kinds = [entry["body"]["kind"] for entry in takeoff.journal()]
    assert kinds.index("point_of_no_return") < kinds.index("post_deploy_finished")
    assert takeoff.status()["pending"] is None
    assert takeoff.summaries(FINISH)[-1].endswith("run 17.2.0-ee.0")


def test_the_status_is_mirrored_for_the_web_side(takeoff, newer):
    mirrored = json.loads(takeoff.get("/variables/takeoff.state.lab")["value"])
    assert mirrored["deployed"] == "17.2.0-ee.0"
    assert mirrored["journal_entries"] == takeoff.status()["journal_entries"]
