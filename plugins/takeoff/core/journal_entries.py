"""The journal's lines: one JSON object each, chained by hashes.

A line's ``hash`` is the SHA-256 of its own JSON without ``hash`` (keys sorted, no spaces, UTF-8), and that JSON
contains the line before's hash as ``previous``: a changed, lost or inserted line breaks the chain from there on.
The schema is public (``docs/journal.md``); kinds and keys are only ever added.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from takeoff.core.operation import Driver, Operation, Outcome, Stored
from takeoff.core.reports import RolloutReport

SCHEMA: Literal[1] = 1
"""Version of the lines' form."""

FIRST = "0" * 64
"""What stands as ``previous`` in a journal's first line."""


class Adopted(Stored):
    """Takeoff met this environment: what it found installed is where the record begins."""

    kind: Literal["adopted"] = "adopted"
    authority: str
    version: str
    versions: dict[str, str]


class AuthorityMoved(Stored):
    """The journal went on under another authority id: restored from a copy, or moved to another blessed node."""

    kind: Literal["authority_moved"] = "authority_moved"
    authority: str
    host: str
    reason: str


class OperationOpened(Stored):
    """An operation took the lease; its first driver's epoch is the entry's."""

    kind: Literal["operation_opened"] = "operation_opened"
    details: Operation
    driver: Driver
    takes_over: str = ""


class DriverStarted(Stored):
    """A new driver goes on with the open operation, under the entry's epoch."""

    kind: Literal["driver_started"] = "driver_started"
    driver: Driver


class TaskStarted(Stored):
    """A task of the operation began."""

    kind: Literal["task_started"] = "task_started"
    task: str


class TaskFinished(Stored):
    """A task of the operation did what it has to do."""

    kind: Literal["task_finished"] = "task_finished"
    task: str
    seconds: float
    summary: str
    report: RolloutReport | None = None
    facts: dict[str, Any] = {}


class TaskFailed(Stored):
    """A task of the operation failed; the operation stays open. ``attempt``: of the migrations that failed in it."""

    kind: Literal["task_failed"] = "task_failed"
    task: str
    seconds: float
    error: str
    report: RolloutReport | None = None
    attempt: int = 0


class PipelineStarted(Stored):
    """A QA pipeline was created for a task; a retry of the task looks at the same one."""

    kind: Literal["pipeline_started"] = "pipeline_started"
    task: str
    pipeline: int
    url: str


class MigrationsPending(Stored):
    """What the regular migrations left for after the deploy, by name."""

    kind: Literal["migrations_pending"] = "migrations_pending"
    version: str
    names: tuple[str, ...]


class PointOfNoReturn(Stored):
    """Post-deploy migrations are about to begin: from here on, no version before this one can run again."""

    kind: Literal["point_of_no_return"] = "point_of_no_return"
    version: str
    names: tuple[str, ...]


class PostDeployFinished(Stored):
    """The pending post-deploy migrations have all run."""

    kind: Literal["post_deploy_finished"] = "post_deploy_finished"
    version: str


class LeftBehind(Stored):
    """A host gave no answer and was put to maint; it blocks post-deploy migrations until it is converged."""

    kind: Literal["left_behind"] = "left_behind"
    host: str
    reason: str


class Converged(Stored):
    """Hosts that were left behind or rebuilt run the recorded version again."""

    kind: Literal["converged"] = "converged"
    hosts: tuple[str, ...]


class VersionRejected(Stored):
    """A version is not to be deployed automatically again."""

    kind: Literal["version_rejected"] = "version_rejected"
    version: str
    reason: str


class HoldSet(Stored):
    """Automatic deploys are paused; with ``stop_after`` the operation that is open then stops too, hosts finished."""

    kind: Literal["hold_set"] = "hold_set"
    reason: str
    until: datetime | None = None
    stop_after: Literal["", "host", "batch"] = ""


class HoldLifted(Stored):
    """Automatic deploys go on."""

    kind: Literal["hold_lifted"] = "hold_lifted"
    reason: str = ""


class Overridden(Stored):
    """A person passed a gate or forced a refusal."""

    kind: Literal["overridden"] = "overridden"
    name: str
    reason: str


class OperationClosed(Stored):
    """An operation ended and gave the lease back. ``version``: what the fleet is on, if it is all on one."""

    kind: Literal["operation_closed"] = "operation_closed"
    outcome: Outcome
    version: str = ""
    reason: str = ""


class Noted(Stored):
    """Something worth keeping that changes nothing: an unfenced host, an asserted server state, a warning."""

    kind: Literal["noted"] = "noted"
    text: str
    host: str = ""


EntryBody = (
    Adopted
    | AuthorityMoved
    | OperationOpened
    | DriverStarted
    | TaskStarted
    | TaskFinished
    | TaskFailed
    | PipelineStarted
    | MigrationsPending
    | PointOfNoReturn
    | PostDeployFinished
    | LeftBehind
    | Converged
    | VersionRejected
    | HoldSet
    | HoldLifted
    | Overridden
    | OperationClosed
    | Noted
)


class Entry(Stored):
    """One line.

    Attributes:
        v: version of the form.
        seq: position, from 1.
        at: when, in UTC.
        by: who.
        operation: id of the operation it belongs to; empty if to none.
        epoch: the driver's; ``None`` where no driver acted.
        body: what happened.
        previous: hash of the line before.
        hash: of this line.
    """

    v: Literal[1] = SCHEMA
    seq: int
    at: datetime
    by: str
    operation: str = ""
    epoch: int | None = None
    body: Annotated[EntryBody, Field(discriminator="kind")]
    previous: str
    hash: str = ""

    def sealed(self) -> Entry:
        """Return the entry with its hash."""
        return self.model_copy(update={"hash": _digest(self.model_dump(mode="json"))})

    def line(self) -> str:
        """Write the entry as the journal holds it, without the line's end."""
        return _canonical(self.model_dump(mode="json"))


class BrokenLine(ValueError):
    """A line is not what was written: cut, changed, or not in its place."""


_ENTRY = TypeAdapter(Entry)


def parse_line(line: str, *, seq: int, previous: str) -> Entry:
    """Read one line and verify its place in the chain.

    Args:
        line: without the line's end.
        seq: the position it must have.
        previous: hash of the line before.

    Raises:
        BrokenLine: it is no JSON, its hash does not fit its text, or it does not follow the line before.
    """
    try:
        data = json.loads(line)
    except ValueError:
        raise BrokenLine(f"line {seq} is no JSON") from None
    if not isinstance(data, dict) or data.get("hash") != _digest(data):
        raise BrokenLine(f"line {seq} was changed: its hash does not fit its text")
    if data.get("seq") != seq or data.get("previous") != previous:
        raise BrokenLine(f"line {seq} does not follow the line before it: lines are missing or were put in")
    try:
        return _ENTRY.validate_python(data)
    except ValidationError as error:
        raise BrokenLine(f"line {seq} is of no known form: {error.errors()[0]['msg']}") from None


def _canonical(data: dict[str, Any]) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(data: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical({key: data[key] for key in data if key != "hash"}).encode()).hexdigest()
