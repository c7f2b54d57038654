"""Which attempt of the migrations a try may begin: the journal counts the failures, and a person asks for another."""

from __future__ import annotations

import pytest

from takeoff.core.errors import MigrationFailed
from takeoff.core.journal_entries import TaskFailed
from takeoff.core.task_ids import MIGRATIONS, TaskKind, TaskSpec
from takeoff.engine import tasks
from takeoff.engine.drivers import new_driver
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.engine.tasks import run_task
from tests.engine.sessions import opened

TASK = TaskSpec(MIGRATIONS, TaskKind.MIGRATIONS)
FAILED = TaskFailed(task=MIGRATIONS, seconds=1.0, error="no", attempt=1)
OTHER = TaskFailed(task=MIGRATIONS, seconds=1.0, error="deploy-01 gives no answer")


@pytest.mark.parametrize(
    ("journalled", "asked", "attempt"),
    [
        pytest.param((), True, 1, id="nothing has failed"),
        pytest.param((), False, 1, id="nothing has failed, a retry"),
        pytest.param((OTHER, OTHER), True, 1, id="the task failed, its migrations did not"),
        pytest.param((FAILED,), True, 2, id="they failed, and a person cleared the task"),
        pytest.param((FAILED,), False, 1, id="they failed, and Airflow tries again by itself"),
        pytest.param((FAILED, OTHER), True, 2, id="they failed, then something else did"),
    ],
)
async def test_rule_3_another_attempt_follows_a_failure_only_once_it_is_told_and_a_person_asks(
    session: Session, journalled: tuple[TaskFailed, ...], asked: bool, attempt: int
) -> None:
    await opened(session)
    part = await OperationPart.join(session, "lab-1", new_driver(MIGRATIONS, "maria", asked=asked))
    for failure in journalled:
        await part.tell(failure)
    assert await part.migrations_attempt(TASK) == attempt


async def test_rule_3_a_failure_of_migrations_is_journalled_with_its_attempt(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(session)
    tried: list[int] = []

    async def migrations(part: OperationPart, task: TaskSpec) -> TaskResult:
        attempt = await part.migrations_attempt(task)
        tried.append(attempt)
        failed = MigrationFailed("deploy-01", "gitlab-ctl reconfigure", 1, "no")
        failed.attempt = attempt
        raise failed

    monkeypatch.setattr(tasks, "_WORK", {TaskKind.MIGRATIONS: migrations})
    for asked in (True, False, True):
        with pytest.raises(MigrationFailed):
            await run_task(session, "lab-1", TASK, new_driver(MIGRATIONS, "maria", asked=asked))
    assert tried == [1, 1, 2]
