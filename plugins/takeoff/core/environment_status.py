"""What an operator asks first: what runs where, what is going on, and what stands in the way."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from takeoff.core.operation import OperationKind, Outcome, Stored
from takeoff.core.record import Hold, NoReturn, Pending


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
    """One task of the operation shown."""

    task: str
    state: Literal["waiting", "started", "finished", "failed"]
    at: datetime | None = None
    seconds: float = 0.0
    text: str = ""


class OperationStatus(Stored):
    """An operation and its tasks in order."""

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
