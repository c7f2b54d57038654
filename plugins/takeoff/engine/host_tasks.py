"""The tasks that move hosts: warmup, the blessed node's migrations, the rollout of a role."""

from __future__ import annotations

from takeoff.core.counting import counted
from takeoff.core.journal_entries import Converged, LeftBehind, MigrationsPending
from takeoff.core.operation import OperationKind
from takeoff.core.record_gates import some
from takeoff.core.reports import Result
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.halting import HaltAsked
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.task_result import TaskResult
from takeoff.fleet.migrations import migrate
from takeoff.fleet.rollout import roll_out
from takeoff.fleet.warmup import warm_up


async def warm_up_hosts(part: OperationPart, task: TaskSpec) -> TaskResult:
    """Download and verify the package on every host."""
    known = (await part.session.journal.read()).left_behind
    report = await warm_up(
        part.fleet,
        part.lease,
        hosts=part.operation.converging,
        left_behind=tuple(known),
        rollback=_is_rollback(part),
    )
    return TaskResult(summary=report.summary, report=report)


async def migrate_regularly(part: OperationPart, task: TaskSpec) -> TaskResult:
    """Install on the blessed node, run the regular migrations, and journal what they leave for after the deploy."""
    attempt = await part.migrations_attempt(task)
    names = await migrate(part.fleet, part.lease, attempt=attempt, stay_s=part.stay_s)
    await part.tell(MigrationsPending(version=part.operation.version, names=names))
    left = (
        f"pending for after the deploy: {counted(len(names), 'migration')}: {some(names)}"
        if names
        else "none is left for later"
    )
    return TaskResult(
        summary=f"regular migrations of {part.operation.version} have run; {left}", facts={"pending": list(names)}
    )


async def roll_out_role(part: OperationPart, task: TaskSpec) -> TaskResult:
    """Move the hosts of a role, of one stage or of all, and journal which were left behind or came back."""
    known = (await part.session.journal.read()).left_behind

    async def leaving_behind(host: str, reason: str) -> None:
        if known.get(host) != reason:
            await part.tell(LeftBehind(host=host, reason=reason))

    report = await roll_out(
        part.fleet,
        part.lease,
        task.role,
        stage=task.stage or None,
        hosts=part.operation.converging or None,
        rollback=_is_rollback(part),
        left_behind=tuple(known),
        halted=HaltAsked(part),
        leaving_behind=leaving_behind,
    )
    if back := tuple(one.host for one in report.of(Result.CHANGED, Result.UNCHANGED) if one.host in known):
        await part.tell(Converged(hosts=back))
    return TaskResult(summary=report.summary, report=report)


def _is_rollback(part: OperationPart) -> bool:
    return part.operation.kind is OperationKind.ROLLBACK
