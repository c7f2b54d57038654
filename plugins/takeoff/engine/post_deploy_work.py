"""Post-deploy migrations as the task of an operation: looked at, recorded as a point of no return, then run."""

from __future__ import annotations

from takeoff.core.counting import counted
from takeoff.core.journal_entries import MigrationsPending, PointOfNoReturn, PostDeployFinished
from takeoff.core.record import Record
from takeoff.core.record_gates import some
from takeoff.core.task_ids import MIGRATIONS, TaskSpec
from takeoff.engine.finishing import verify_fleet
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.task_result import TaskResult
from takeoff.fleet.migrations import migrate_post_deploy, pending


async def migrate_after_deploy(part: OperationPart, task: TaskSpec) -> TaskResult:
    """Run what is pending, in the operation that was opened for it."""
    return TaskResult(summary=await _migrate(part, task, part.operation.version))


async def migrate_pending_first(part: OperationPart, task: TaskSpec) -> TaskResult:
    """Run the pending migrations of the version that is still installed, before anything of the deploy's own."""
    record = await part.session.journal.read()
    installed = record.deployed_version
    if MIGRATIONS in part.still_ours(record).tasks:
        # The blessed node may have the new version by now, and what is pending there may not run yet.
        return TaskResult(summary="this deploy's own migrations have begun: what was pending before them is past")
    if record.pending is None:
        return TaskResult(summary="no post-deploy migrations are pending")
    return TaskResult(summary=await _migrate(part, task, installed))


async def _migrate(part: OperationPart, task: TaskSpec, version: str) -> str:
    """Run what is pending for a version that every host must run.

    Raises:
        CheckFailed: a host runs another version, is left behind or not well: nothing was begun.
        MigrationFailed: a migration failed; the point of no return is recorded all the same.
    """
    record = await part.session.journal.read()
    if not (names := _begun(record, part.operation.id, version)):
        if not (names := await pending(part.fleet)):
            return await _nothing(part, record, version)
        # Nothing may be left behind: a host that comes back with an older version could not run on the new tables.
        await verify_fleet(part, version, left_behind={})
        await part.tell(PointOfNoReturn(version=version, names=names))
    elif record.pending is None:
        return f"{_done(names, version)}; they were done before"
    await part.announce(point_of_no_return=version)
    attempt = await part.migrations_attempt(task)
    await migrate_post_deploy(part.fleet, part.lease, attempt=attempt, stay_s=part.stay_s)
    await part.tell(PostDeployFinished(version=version))
    return _done(names, version)


def _done(names: tuple[str, ...], version: str) -> str:
    return f"{counted(len(names), 'post-deploy migration')} of {version} done: {some(names)}"


def _begun(record: Record, operation: str, version: str) -> tuple[str, ...]:
    """Name the migrations that an earlier try of this operation has begun: it goes on with them, whatever they did."""
    points = record.points_of_no_return
    return next(
        (point.names for point in reversed(points) if (point.operation, point.version) == (operation, version)), ()
    )


async def _nothing(part: OperationPart, record: Record, version: str) -> str:
    if record.pending is not None:
        # They ran, but the process ended before it could say so; or somebody ran them by hand.
        begun = any(point.version == version for point in record.points_of_no_return)
        await part.tell(PostDeployFinished(version=version) if begun else MigrationsPending(version=version, names=()))
    return f"no post-deploy migrations of {version} are pending"
