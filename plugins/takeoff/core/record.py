"""What the journal says now: the fold of its entries, on which every decision is made."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from takeoff.core.journal_entries import (
    FIRST,
    Adopted,
    AuthorityMoved,
    Converged,
    DriverStarted,
    Entry,
    HoldLifted,
    HoldSet,
    LeftBehind,
    MigrationsPending,
    OperationClosed,
    OperationOpened,
    PipelineStarted,
    PointOfNoReturn,
    PostDeployFinished,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    VersionRejected,
)
from takeoff.core.operation import Driver, Operation, OperationKind, Outcome, Stored


class Hold(Stored):
    """The pause of automatic deploys.

    Attributes:
        by: who set it.
        reason: why, in their words.
        since: since when.
        until: when it lifts itself; for ever if ``None``.
        stops: id of the operation that it stops too, the one that was open when it was set; empty if none.
        stop_after: whether that stops after the hosts in flight, or after the batch.
    """

    by: str
    reason: str
    since: datetime
    until: datetime | None = None
    stops: str = ""
    stop_after: Literal["", "host", "batch"] = ""

    def active(self, now: datetime) -> bool:
        """Whether it still holds."""
        return self.until is None or now < self.until


class TaskState(Stored):
    """How far a task of an operation is.

    Attributes:
        state: ``started``, ``finished`` or ``failed``.
        at: since when.
        seconds: how long it took, once over.
        text: its summary or error.
    """

    state: str
    at: datetime
    seconds: float = 0.0
    text: str = ""


class OperationRecord(Stored):
    """An operation and what became of it. ``failed_attempts``: task → the last attempt of migrations told as failed."""

    details: Operation
    driver: Driver
    epoch: int
    tasks: dict[str, TaskState] = {}
    pipelines: dict[str, PipelineStarted] = {}
    failed_attempts: dict[str, int] = {}
    outcome: Outcome | None = None
    closed_at: datetime | None = None
    deployed: str = ""


class Pending(Stored):
    """Post-deploy migrations that have not run."""

    version: str
    names: tuple[str, ...]
    since: datetime


class NoReturn(Stored):
    """A point of no return: versions before ``version`` cannot run any more."""

    version: str
    at: datetime
    by: str
    operation: str
    names: tuple[str, ...]


class Deployed(Stored):
    """A version that the whole fleet once ran."""

    version: str
    at: datetime
    operation: str


class Record(Stored):
    """The fold of a journal. An empty journal has ``seq`` 0 and no authority.

    Attributes:
        seq: entries so far.
        head: hash of the last one.
        authority: id of the journal's authority.
        former_authorities: ids it had before it was moved or restored, newest first.
        epoch: highest so far.
        operations: by id, in order of opening.
        deployed: versions that the whole fleet ran, oldest first.
        hold: the pause, if one was set; it may have expired.
        rejected: version → reason; until it is deployed all the same.
        left_behind: host → reason.
        pending: post-deploy migrations not run.
        points_of_no_return: oldest first.
    """

    seq: int = 0
    head: str = FIRST
    authority: str = ""
    authority_host: str = ""
    former_authorities: tuple[str, ...] = ()
    epoch: int = 0
    operations: dict[str, OperationRecord] = {}
    deployed: tuple[Deployed, ...] = ()
    hold: Hold | None = None
    rejected: dict[str, str] = {}
    left_behind: dict[str, str] = {}
    pending: Pending | None = None
    points_of_no_return: tuple[NoReturn, ...] = ()

    @property
    def open_operation(self) -> OperationRecord | None:
        """The operation that holds the lease."""
        return next((one for one in reversed(self.operations.values()) if one.outcome is None), None)

    @property
    def deployed_version(self) -> str:
        """The version that the whole fleet ran last; empty before the first use."""
        return self.deployed[-1].version if self.deployed else ""

    def next_operation_id(self, environment: str) -> str:
        """Name the operation that opens next."""
        return f"{environment}-{len(self.operations) + 1}"

    def after(self, entry: Entry) -> Record:
        """Fold one more entry in."""
        changes = {"seq": entry.seq, "head": entry.hash, "epoch": max(self.epoch, entry.epoch or 0)}
        return self.model_copy(update=changes | _changes(self, entry))


def _changes(record: Record, entry: Entry) -> dict[str, object]:
    match entry.body:
        case Adopted(authority=authority, version=version):
            known = Deployed(version=version, at=entry.at, operation="")
            return {"authority": authority, "deployed": (*record.deployed, known) if version else record.deployed}
        case AuthorityMoved(authority=authority, host=host):
            former = (record.authority, *record.former_authorities) if record.authority else ()
            return {"authority": authority, "authority_host": host, "former_authorities": former}
        case HoldSet(reason=reason, until=until, stop_after=stop_after):
            holder = record.open_operation
            stops = holder.details.id if holder is not None and stop_after else ""
            hold = Hold(by=entry.by, reason=reason, since=entry.at, until=until, stops=stops, stop_after=stop_after)
            return {"hold": hold}
        case HoldLifted():
            return {"hold": None}
        case VersionRejected(version=version, reason=reason):
            return {"rejected": record.rejected | {version: reason}}
        case LeftBehind(host=host, reason=reason):
            return {"left_behind": record.left_behind | {host: reason}}
        case Converged(hosts=hosts):
            return {"left_behind": {host: why for host, why in record.left_behind.items() if host not in hosts}}
        case MigrationsPending(version=version, names=names):
            since = record.pending.since if record.pending else entry.at
            return {"pending": Pending(version=version, names=names, since=since) if names else None}
        case PointOfNoReturn(version=version, names=names):
            point = NoReturn(version=version, at=entry.at, by=entry.by, operation=entry.operation, names=names)
            return {"points_of_no_return": (*record.points_of_no_return, point)}
        case PostDeployFinished():
            return {"pending": None}
        case _:
            return _operation_changes(record, entry)


def _operation_changes(record: Record, entry: Entry) -> dict[str, object]:
    operations = dict(record.operations)
    if isinstance(entry.body, OperationOpened):
        if (taken := operations.get(entry.body.takes_over)) is not None:
            operations[entry.body.takes_over] = taken.model_copy(
                update={"outcome": Outcome.TAKEN_OVER, "closed_at": entry.at}
            )
        opened = OperationRecord(details=entry.body.details, driver=entry.body.driver, epoch=entry.epoch or 0)
        return {"operations": operations | {entry.body.details.id: opened}}
    if (one := operations.get(entry.operation)) is None:
        return {}
    changes: dict[str, object] = {}
    match entry.body:
        case DriverStarted(driver=driver):
            changes = {"driver": driver, "epoch": entry.epoch}
        case TaskStarted(task=task):
            changes = {"tasks": one.tasks | {task: TaskState(state="started", at=entry.at)}}
        case TaskFinished(task=task, seconds=seconds, summary=text):
            changes = {
                "tasks": one.tasks | {task: TaskState(state="finished", at=entry.at, seconds=seconds, text=text)}
            }
        case TaskFailed(task=task, seconds=seconds, error=text, attempt=attempt):
            failed = TaskState(state="failed", at=entry.at, seconds=seconds, text=text)
            told = {task: attempt} if attempt else {}
            changes = {"tasks": one.tasks | {task: failed}, "failed_attempts": one.failed_attempts | told}
        case PipelineStarted(task=task):
            changes = {"pipelines": one.pipelines | {task: entry.body}}
        case OperationClosed(outcome=outcome, version=version):
            changes = {"outcome": outcome, "closed_at": entry.at, "deployed": version}
    closed = operations | {entry.operation: one.model_copy(update=changes)}
    whole = one.details.kind in (OperationKind.DEPLOY, OperationKind.ROLLBACK) and changes.get("deployed")
    if whole:
        ran = Deployed(version=str(whole), at=entry.at, operation=entry.operation)
        # Whoever deployed a rejected version all the same has given a reason: it is as good as any other from then on.
        rejected = {version: why for version, why in record.rejected.items() if version != ran.version}
        return {"operations": closed, "deployed": (*record.deployed, ran), "rejected": rejected}
    return {"operations": closed}
