"""Runs one task of an operation: journalled, safe to run again, refused when the operation is over."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from takeoff.core.errors import ConfigError, Superseded, TakeoffError
from takeoff.core.journal_entries import TaskFailed, TaskFinished, TaskStarted
from takeoff.core.operation import Driver, Outcome
from takeoff.core.record import Record
from takeoff.core.reports import RolloutReport
from takeoff.core.task_ids import TaskKind, TaskSpec
from takeoff.engine.finishing import finish
from takeoff.engine.halting import may_migrate_already, refuse_halted
from takeoff.engine.host_tasks import migrate_regularly, roll_out_role, warm_up_hosts
from takeoff.engine.leaving import noted_when_left
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.post_deploy_work import migrate_after_deploy, migrate_pending_first
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.fleet.migrations import failed_attempt

__all__ = ["TaskResult", "run_task"]

_WORK: Mapping[TaskKind, Callable[[OperationPart, TaskSpec], Awaitable[TaskResult]]] = {
    TaskKind.PENDING_POST_DEPLOY: migrate_pending_first,
    TaskKind.WARMUP: warm_up_hosts,
    TaskKind.MIGRATIONS: migrate_regularly,
    TaskKind.ROLLOUT: roll_out_role,
    TaskKind.FINISH: finish,
    TaskKind.POST_DEPLOY: migrate_after_deploy,
}


async def run_task(
    session: Session, operation_id: str, task: TaskSpec, driver: Driver, *, stay_s: float = math.inf
) -> TaskResult:
    """Carry out a task of kind warmup, pending_post_deploy, migrations, rollout, finish or post_deploy.

    Becomes the operation's driver first (a new epoch, told to all hosts), so that an older driver that still lives is
    refused from then on. Running a finished task again looks again and changes nothing that is as it should be; once
    the operation has ended well and none came after it, there is nothing left to look at.

    Args:
        session: the environment.
        operation_id: what :func:`takeoff.engine.opening.open_deploy` returned.
        task: which; ``takeoff.core.task_ids`` lists them.
        driver: this process.
        stay_s: seconds to stay for migrations that run.

    Raises:
        JobGoesOn: migrations run still after ``stay_s``: watch them with
            :func:`takeoff.fleet.migrations.follow_migrations`, then run the task again, which attaches to them.
        Superseded: the operation is closed, or another driver has taken over; says by what.
        HostUnreachable: worth another try.
        Halted: a person stopped the operation, or this process; journalled, and it stays open. What was left running
            on a host is noted, not failed.
        BudgetSpent, CheckFailed, CommandFailed, MigrationFailed: journalled; the operation stays open.
    """
    if task.kind not in _WORK:
        raise ConfigError(f"{task.id} is not a task that moves hosts; it has a place of its own in the procedure")
    if over := ended_well(await session.journal.read(), operation_id):
        return TaskResult(summary=over)
    part = replace(await OperationPart.join(session, operation_id, driver), stay_s=stay_s)
    async with noted_when_left(session, part.operation, task):
        return await _run(part, task)


async def _run(part: OperationPart, task: TaskSpec) -> TaskResult:
    session, work = part.session, _WORK[task.kind]
    begun_before = await may_migrate_already(part, task)
    await part.tell(TaskStarted(task=task.id))
    begun = session.clock.monotonic()
    try:
        if not begun_before:
            await refuse_halted(part, task)
        await part.announce()
        result = await work(part, task)
    except Superseded:
        raise
    except TakeoffError as error:
        await _tell_failure(part, task, error, session.clock.monotonic() - begun)
        raise
    if not result.journalled:
        seconds = round(session.clock.monotonic() - begun, 1)
        await part.finished(
            TaskFinished(
                task=task.id, seconds=seconds, summary=result.summary, report=result.report, facts=result.facts
            )
        )
    return result


def ended_well(record: Record, operation_id: str) -> str:
    """Say that an operation has ended well and is the newest: its tasks have nothing left to do. Empty otherwise."""
    found = record.operations.get(operation_id)
    if found is None or found.outcome is not Outcome.SUCCEEDED or operation_id != next(reversed(record.operations)):
        return ""
    when = f" at {found.closed_at:%Y-%m-%d %H:%M} UTC" if found.closed_at else ""
    return f"{operation_id} ended well{when}: nothing is left to do"


async def _tell_failure(part: OperationPart, task: TaskSpec, error: TakeoffError, seconds: float) -> None:
    report = getattr(error, "report", None)
    failed = TaskFailed(
        task=task.id,
        seconds=round(seconds, 1),
        error=str(error),
        report=report if isinstance(report, RolloutReport) else None,
        attempt=failed_attempt(error),
    )
    try:
        await part.tell(failed)
    except TakeoffError as silence:
        # The cause is what the operator needs; that the journal could not be told of it is said beside it.
        error.add_note(f"the journal could not be told: {silence}")
