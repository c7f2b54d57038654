"""What a task reads of its run, and who has approved."""

from types import SimpleNamespace

import pytest
from airflow.providers.standard.triggers.hitl import HITLUser
from airflow.sdk.exceptions import AirflowSkipException

from takeoff.core.approval_text import answer_fields
from takeoff.core.errors import ConfigError, Refused
from takeoff.core.task_ids import APPROVE, LEASE, NEW_PACKAGE, POST_DEPLOY, TaskKind, TaskSpec
from takeoff.operators.airflow_run import AirflowRun, checked_operation, chosen_version, opened_operation
from takeoff.operators.approval import approver, responder


def context(run_type: str = "manual", user: str | None = "ada", params=None, tries=(1, 3), xcoms=None):
    left = xcoms or {}
    return {
        "dag_run": SimpleNamespace(
            dag_id="deploy_gstg",
            run_id="manual__2026-11-24T15:00:00+00:00",
            run_type=run_type,
            triggering_user_name=user,
        ),
        "ti": SimpleNamespace(
            task_id="lease",
            task=SimpleNamespace(retries=3),
            try_number=tries[0],
            max_tries=tries[1],
            xcom_pull=lambda task_ids: left.get(task_ids),
        ),
        "params": params or {},
    }


@pytest.mark.parametrize(
    ("run_type", "user", "automatic", "by"),
    [
        pytest.param("scheduled", None, True, "schedule", id="the schedule"),
        pytest.param("asset_triggered", "takeoff", True, "schedule", id="an event"),
        pytest.param("manual", "ada", False, "ada", id="a person"),
        pytest.param("manual", None, False, "airflow", id="a person without a name"),
        pytest.param("operator_triggered", "ada", False, "ada", id="another run"),
    ],
)
def test_who_started_a_run_is_read_from_its_type(run_type, user, automatic, by):
    run = AirflowRun.of(context(run_type, user))
    assert (run.automatic, run.by) == (automatic, by)


def test_a_request_carries_what_was_asked_for():
    run = AirflowRun.of(context(params={"reason": "hotfix", "skip": {"freeze": "ordered"}}))
    request = run.request("17.4.1-ee.0")
    assert (request.version, request.reason, dict(request.skips)) == ("17.4.1-ee.0", "hotfix", {"freeze": "ordered"})
    assert request.run == "deploy_gstg/manual__2026-11-24T15:00:00+00:00"


def test_the_last_try_is_known():
    assert not AirflowRun.of(context(tries=(3, 3))).last_try
    assert AirflowRun.of(context(tries=(4, 3))).last_try


@pytest.mark.parametrize(
    ("tries", "asked"),
    [
        pytest.param((1, 3), True, id="the first try"),
        pytest.param((2, 3), False, id="Airflow's first retry"),
        pytest.param((4, 3), False, id="Airflow's last retry"),
        pytest.param((2, 4), True, id="cleared after the first try"),
        pytest.param((5, 7), True, id="cleared after the fourth try"),
        pytest.param((6, 7), False, id="a retry after it was cleared"),
    ],
)
def test_a_try_that_a_person_asked_for_is_told_from_airflow_s_own(tries, asked):
    assert AirflowRun.of(context(tries=tries)).asked is asked


def test_the_address_of_a_run_can_be_opened(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow.example/")
    url = AirflowRun.of(context()).url
    assert url == "http://airflow.example/dags/deploy_gstg/runs/manual__2026-11-24T15%3A00%3A00%2B00%3A00"


def test_version_and_operation_come_from_the_tasks_that_know_them():
    found = context(xcoms={NEW_PACKAGE: "17.4.1-ee.0", LEASE: "gstg-7"})
    assert (chosen_version(found), opened_operation(found)) == ("17.4.1-ee.0", "gstg-7")


@pytest.mark.parametrize(
    ("check", "operation"), [("main.qa", "gstg-7"), ("post_deploy.qa", "gstg-8"), ("post_deploy.alerts", "gstg-8")]
)
def test_a_check_belongs_to_the_operation_of_what_it_checks(check, operation):
    found = context(xcoms={LEASE: "gstg-7", POST_DEPLOY: "gstg-8"})
    assert checked_operation(found, TaskSpec(check, TaskKind.QA)) == operation


@pytest.mark.parametrize("check", ["post_deploy.qa", "post_deploy.alerts"])
def test_where_no_migrations_were_pending_nothing_is_checked_after_them(check):
    with pytest.raises(AirflowSkipException, match="found nothing pending and opened nothing: nothing to check"):
        checked_operation(context(xcoms={LEASE: "gstg-7"}), TaskSpec(check, TaskKind.QA))


def test_a_task_that_runs_without_the_one_before_says_which_to_clear():
    with pytest.raises(ConfigError, match="clear lease first"):
        opened_operation(context())


@pytest.mark.parametrize(
    ("user", "name"),
    [
        pytest.param({"id": "1", "name": "ada"}, "ada", id="as the API hands it on"),
        pytest.param(HITLUser(id="1", name="ada"), "ada", id="as the provider types it"),
        pytest.param({"id": "1", "name": ""}, "1", id="without a name"),
        pytest.param(None, "", id="nobody"),
    ],
)
def test_who_answered_is_named(user, name):
    assert responder(user) == name


def test_an_approval_names_who_gave_it():
    answer = {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "ada"}}
    assert approver(context(xcoms={APPROVE: answer})) == "ada"


def test_an_approval_from_chat_names_who_gave_it_and_the_service():
    user = {"id": "2", "name": "takeoff"}
    fields = answer_fields("it holds", "slack:jane (U1)")
    answer = {"chosen_options": ["Approve"], "responded_by_user": user, "params_input": fields}
    assert approver(context(xcoms={APPROVE: answer})) == "slack:jane (U1) through takeoff"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="no answer"),
        pytest.param({"chosen_options": ["Reject"]}, id="a no"),
        pytest.param({"chosen_options": ["Approve", "Reject"]}, id="both"),
        pytest.param({}, id="an empty answer"),
        pytest.param("Approve", id="a word"),
    ],
)
def test_nothing_but_a_yes_approves(answer):
    with pytest.raises(Refused, match=r"clear post_deploy\.approve and answer it"):
        approver(context(xcoms={APPROVE: answer}))
