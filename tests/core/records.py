"""Records for tests, made the way a journal makes them: by folding entries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from takeoff.core.hosts import Host
from takeoff.core.journal_entries import Adopted, Entry, EntryBody, OperationClosed, OperationOpened
from takeoff.core.operation import Driver, Operation, OperationKind, Outcome
from takeoff.core.record import Record

BEGIN = datetime(2026, 11, 24, 12, tzinfo=UTC)


def entry_after(record: Record, body: EntryBody, *, operation: str = "", by: str = "maria") -> Entry:
    """The entry that comes next, a minute after the last one."""
    return Entry(
        seq=record.seq + 1,
        at=BEGIN + timedelta(minutes=record.seq),
        by=by,
        operation=operation,
        epoch=record.epoch + 1 if isinstance(body, OperationOpened) else record.epoch or None,
        body=body,
        previous=record.head,
    ).sealed()


def fold(*bodies: EntryBody | tuple[str, EntryBody], record: Record | None = None, by: str = "maria") -> Record:
    """Fold bodies, one minute apart; a pair is an entry of the operation it names."""
    record = record or Record()
    for body in bodies:
        operation, inner = body if isinstance(body, tuple) else ("", body)
        record = record.after(entry_after(record, inner, operation=operation, by=by))
    return record


def adopted(version: str = "17.0.0-ee.0") -> Record:
    """A record just after the first use."""
    return fold(Adopted(authority="a1", version=version, versions={"deploy-01": version}))


def opened(
    number: int, version: str, kind: OperationKind = OperationKind.DEPLOY, *, takes_over: str = "", **more: Any
) -> tuple[str, OperationOpened]:
    """An operation's begin."""
    values: dict[str, Any] = {
        "id": f"lab-{number}",
        "kind": kind,
        "environment": "lab",
        "package": "gitlab-ee",
        "version": version,
        "environment_sha256": "0" * 64,
        "deploy_node": Host(name="deploy-01"),
        "placements": (),
        "requested_by": "maria",
        "opened_at": BEGIN,
    }
    details = Operation(**(values | more))
    driver = Driver(name="vm:1:aa", task="lease", by="maria")
    return details.id, OperationOpened(details=details, driver=driver, takes_over=takes_over)


def closed(number: int, version: str, outcome: Outcome = Outcome.SUCCEEDED) -> tuple[str, OperationClosed]:
    """An operation's end."""
    return f"lab-{number}", OperationClosed(outcome=outcome, version=version if outcome is Outcome.SUCCEEDED else "")


def deployed(versions: Iterable[str], record: Record | None = None) -> Record:
    """A record in which these versions were deployed, one after the other."""
    record = record or adopted()
    for version in versions:
        number = len(record.operations) + 1
        record = fold(opened(number, version), closed(number, version), record=record)
    return record
