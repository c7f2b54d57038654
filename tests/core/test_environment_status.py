"""An environment as its record tells it."""

from datetime import timedelta

import pytest

from takeoff.core.check_settings import PostDeployChecks
from takeoff.core.environment import Environment
from takeoff.core.environment_status import status_of
from takeoff.core.environment_text import parse_environment
from takeoff.core.journal_entries import HoldSet, TaskFinished, TaskStarted
from takeoff.core.operation import OperationKind
from takeoff.core.record import Record
from takeoff.core.task_ids import LEASE, NEW_PACKAGE, POST_DEPLOY, PREFLIGHT, deploy_tasks
from tests.core.records import BEGIN, adopted, closed, fold, opened

NEW = "17.1.0-ee.0"


@pytest.fixture
def environment(small_text: str) -> Environment:
    return parse_environment(small_text, "lab.yml").environment


def test_an_open_operation_lists_every_task_done_running_and_waiting_in_order(environment: Environment) -> None:
    record = fold(
        opened(1, NEW),
        ("lab-1", TaskStarted(task="warmup")),
        ("lab-1", TaskFinished(task="warmup", seconds=3, summary="13 changed")),
        ("lab-1", TaskStarted(task="migrations")),
        record=adopted(),
    )
    found = status_of(record, environment, BEGIN)
    assert found.operation is not None
    states = {task.task: task.state for task in found.operation.tasks}
    assert states["warmup"] == "finished"
    assert states["migrations"] == "started"
    assert states["finish"] == "waiting"
    outside = {NEW_PACKAGE, PREFLIGHT, LEASE}
    inside = [task.id for task in deploy_tasks(environment) if task.id not in outside and "post_deploy" not in task.id]
    assert list(states) == inside


def test_a_post_deploy_operation_shows_the_checks_that_wait_after_its_migrations(environment: Environment) -> None:
    chosen = environment.model_copy(update={"post_deploy_checks": PostDeployChecks(alerts=True)})
    record = fold(
        opened(1, NEW, OperationKind.POST_DEPLOY),
        ("lab-1", TaskFinished(task=POST_DEPLOY, seconds=3, summary="1 done")),
        record=adopted(),
    )
    found = status_of(record, chosen, BEGIN).operation
    assert found is not None
    assert [(task.task, task.state) for task in found.tasks] == [
        ("post_deploy.migrations", "finished"),
        ("post_deploy.alerts", "waiting"),
    ]


def test_the_last_operation_is_shown_when_none_is_open(environment: Environment) -> None:
    found = status_of(fold(opened(1, NEW), closed(1, NEW), record=adopted()), environment, BEGIN)
    assert found.deployed == NEW
    assert found.operation is not None
    assert found.operation.outcome == "succeeded"


def test_a_pause_that_has_expired_is_not_shown(environment: Environment) -> None:
    record = fold(HoldSet(reason="m", until=BEGIN + timedelta(hours=1)), record=adopted())
    assert status_of(record, environment, BEGIN).hold is not None
    assert status_of(record, environment, BEGIN + timedelta(hours=1)).hold is None


def test_an_environment_that_was_never_adopted_has_no_version(environment: Environment) -> None:
    found = status_of(Record(), environment, BEGIN)
    assert (found.deployed, found.operation, found.journal_entries) == ("", None, 0)
