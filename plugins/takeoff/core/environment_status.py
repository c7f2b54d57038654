"""What an operator asks first: what runs where, what is going on, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from takeoff.core.environment import Environment
from takeoff.core.operation import Operation, OperationKind, Outcome, Stored
from takeoff.core.record import Hold, NoReturn, OperationRecord, Pending, Record, TaskState
from takeoff.core.task_ids import WARMUP, converge_tasks, deploying_tasks, post_deploy_tasks, rollback_tasks

OLD = timedelta(minutes=90)
"""From this age on a mirrored status is called old: the schedule alone writes it once an hour by default."""


class HostStatus(Stored):
    """One host, as it was looked at.

    Attributes:
        host: its name.
        stage: its stage; empty for the blessed node.
        role: its role; ``deploy`` for the blessed node.
        installed: version of the package; empty if none, or if the host gave no answer.
        serving: ``UP``, ``DRAIN``, ``MAINT``, … of the worst of its servers; empty if no balancer knows it.
        problem: why it could not be looked at, or why it is left behind.
    """

    host: str
    stage: str
    role: str
    installed: str = ""
    serving: str = ""
    problem: str = ""


class TaskStatus(Stored):
    """One task of the operation shown.

    Attributes:
        task: its id.
        state: ``waiting``, ``started``, ``finished`` or ``failed``.
        at: since when; ``None`` while it waits.
        seconds: how long it took, once over.
        text: its summary or error.
    """

    task: str
    state: str
    at: datetime | None = None
    seconds: float = 0.0
    text: str = ""


class OperationStatus(Stored):
    """An operation and its tasks in order.

    Attributes:
        id: ``<environment>-<n>``.
        kind: what it does.
        version: where it leads.
        requested_by: who asked for it.
        reason: why, in their words; empty for automatic ones.
        opened_at: when it took the lease.
        driver: the process that drives it, or drove it last.
        run_url: where to look at its Airflow run; empty for the command line.
        outcome: how it ended; ``None`` while it is open.
        closed_at: when it ended.
        tasks: in order; those that have not begun are listed too.
    """

    id: str
    kind: OperationKind
    version: str
    requested_by: str
    reason: str
    opened_at: datetime
    driver: str
    run_url: str = ""
    outcome: Outcome | None = None
    closed_at: datetime | None = None
    tasks: tuple[TaskStatus, ...] = ()


class EnvironmentStatus(Stored):
    """What ``takeoff status --json`` prints.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        environment: its name.
        package: name of the package.
        looked_at: when.
        deployed: the version that the whole fleet ran last; empty before ``takeoff adopt``.
        operation: the open one, or the last.
        hold: the pause, while it holds.
        pending: post-deploy migrations that have not run.
        left_behind: host → reason.
        rejected: version → reason.
        points_of_no_return: oldest first.
        hosts: blessed node first, then in rollout order; empty if they were not looked at.
        journal_entries: how long the journal is.
    """

    schema_version: Literal[1] = 1
    environment: str
    package: str
    looked_at: datetime
    deployed: str
    operation: OperationStatus | None = None
    hold: Hold | None = None
    pending: Pending | None = None
    left_behind: dict[str, str] = {}
    rejected: dict[str, str] = {}
    points_of_no_return: tuple[NoReturn, ...] = ()
    hosts: tuple[HostStatus, ...] = ()
    journal_entries: int = 0


def status_of(
    record: Record, environment: Environment, now: datetime, hosts: Iterable[HostStatus] = ()
) -> EnvironmentStatus:
    """Say how an environment is, from its record.

    Args:
        record: the journal's.
        environment: the environment.
        now: in UTC; an expired hold is left out.
        hosts: what a look at the hosts found.
    """
    shown = record.open_operation or next(reversed(record.operations.values()), None)
    hold = record.hold
    return EnvironmentStatus(
        environment=environment.name,
        package=environment.package.name,
        looked_at=now,
        deployed=record.deployed_version,
        operation=operation_status(shown, environment) if shown is not None else None,
        hold=hold if hold is not None and hold.active(now) else None,
        pending=record.pending,
        left_behind=record.left_behind,
        rejected=record.rejected,
        points_of_no_return=record.points_of_no_return,
        hosts=tuple(hosts),
        journal_entries=record.seq,
    )


def operation_status(operation: OperationRecord, environment: Environment) -> OperationStatus:
    """Say how far an operation is; tasks that have not begun are listed too, in the order in which they will."""
    details = operation.details
    tasks = dict.fromkeys(expected_tasks(details, environment)) | operation.tasks
    return OperationStatus(
        id=details.id,
        kind=details.kind,
        version=details.version,
        requested_by=details.requested_by,
        reason=details.reason,
        opened_at=details.opened_at,
        driver=operation.driver.name,
        run_url=details.run_url,
        outcome=operation.outcome,
        closed_at=operation.closed_at,
        tasks=tuple(_task_status(task, state) for task, state in tasks.items()),
    )


def expected_tasks(operation: Operation, environment: Environment) -> tuple[str, ...]:
    """List the tasks that an operation journals, in order."""
    match operation.kind:
        case OperationKind.DEPLOY:
            return tuple(task.id for task in deploying_tasks(environment))
        case OperationKind.ROLLBACK:
            return tuple(task.id for task in rollback_tasks(environment))
        case OperationKind.POST_DEPLOY:
            return tuple(task.id for task in post_deploy_tasks(environment))
        case OperationKind.WARMUP:
            return (WARMUP,)
        case OperationKind.CONVERGE:
            return tuple(task.id for task in converge_tasks(environment, operation.converging))


def _task_status(task: str, state: TaskState | None) -> TaskStatus:
    if state is None:
        return TaskStatus(task=task, state="waiting")
    return TaskStatus(task=task, state=state.state, at=state.at, seconds=state.seconds, text=state.text)
