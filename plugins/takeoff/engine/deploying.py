"""A whole deploy without Airflow: the DAG's tasks in the DAG's order, going on where an open operation stopped."""

from __future__ import annotations

from collections.abc import Sequence

from takeoff.core.errors import ConfigError, Refused
from takeoff.core.operation import OperationKind
from takeoff.core.plan_mark import check_mark
from takeoff.core.record import OperationRecord, Record
from takeoff.core.task_ids import LEASE, PREFLIGHT, TaskSpec, deploying_tasks
from takeoff.engine.carrying_out import Watcher, carry_out, unfinished
from takeoff.engine.drivers import new_driver
from takeoff.engine.opening import DeployRequest, open_deploy
from takeoff.engine.packages import find_version
from takeoff.engine.preflight import preflight
from takeoff.engine.session import Session


async def deploy(session: Session, request: DeployRequest, watcher: Watcher, *, only: str = "") -> str:
    """Deploy a version, or go on with the open deploy of that version at its first unfinished task.

    Args:
        session: the environment.
        request: what is wanted.
        watcher: is told of every task.
        only: id of the one task to carry out; all of them if empty.

    Returns:
        Id of the operation; empty if ``only`` was ``preflight``.

    Raises:
        ConfigError: ``only`` is no task of a deploy, or needs an operation that is not open.
        VersionError: no source holds the version.
        Refused: a gate blocks, another operation is open, or something changed since the plan was made.
        TakeoffError: a task failed; the operation stays open, and the same command goes on there.
    """
    tasks = deploying_tasks(session.environment)
    _check_only(only, tasks)
    check_mark(request.plan)
    record = await session.journal.read()
    holder = await _open_deploy_of(session, record, request.version)
    if holder is not None:
        operation_id, left = holder.details.id, unfinished(tasks, holder)
        if request.plan and holder.details.plan != request.plan:
            raise Refused(
                "plan",
                f"{operation_id} is open already and was not begun with plan {request.plan}: the lease changed since "
                "it was made; nothing was begun: go on with it without --plan",
            )
        if request.skips:
            gates = ", ".join(request.skips)
            raise ConfigError(f"--skip {gates}: {operation_id} is open already, its gates were passed when it opened")
    elif only not in ("", PREFLIGHT, LEASE):
        raise ConfigError(
            f"--only {only}: no deploy of {request.version} to {session.environment.name} is open; begin it with "
            f"--only {LEASE}, or leave --only out"
        )
    else:
        if only != LEASE:
            looked = await preflight(session, request)
            watcher.found(looked)
            looked.refuse()
        if only == PREFLIGHT:
            return ""
        lease = await open_deploy(session, request, new_driver(LEASE, request.by))
        operation_id, left = lease.operation.id, tasks
        session.progress.line(f"{operation_id} is open: {lease.operation.version} to {session.environment.name}")
    if only in (PREFLIGHT, LEASE):
        return operation_id
    for task in tasks:
        if only == task.id or (not only and task in left):
            await carry_out(session, operation_id, task, request.by, watcher)
        elif not only:
            watcher.skipped(task)
    return operation_id


def _check_only(only: str, tasks: Sequence[TaskSpec]) -> None:
    known = (PREFLIGHT, LEASE, *(task.id for task in tasks))
    if only and only not in known:
        raise ConfigError(f"--only {only}: a deploy has no such task; its tasks are {', '.join(known)}")


async def _open_deploy_of(session: Session, record: Record, typed: str) -> OperationRecord | None:
    """Find the open deploy of what a person typed.

    Raises:
        VersionError: no source holds it.
    """
    holder = record.open_operation
    if holder is None or holder.details.kind is not OperationKind.DEPLOY:
        return None
    if typed == holder.details.version:
        return holder
    found = await find_version(session, typed)
    return holder if found.version.text == holder.details.version else None
