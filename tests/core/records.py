"""Records for tests, made the way a journal makes them: by folding entries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from takeoff.core.hosts import Host
from takeoff.core.journal_entries import Adopted, Entry, EntryBody, OperationClosed, OperationOpened
from takeoff.core.operation import Driver, Operation, OperationKind, Outcome
from takeoff.core.record import Record

BEGIN = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fold(*bodies: EntryBody | tuple[str, EntryBody], record: Record | None = None, by: str = "maria") -> Record:
    """Fold bodies, one minute apart; a pair is an entry of the operation it names."""
    record = record or Record()
    for body in bodies:
        operation, inner = body if isinstance(body, tuple) else ("", body)
        epoch = record.epoch + 1 if isinstance(inner, OperationOpened) else record.epoch or None
        record = record.after(
            Entry(
                seq=record.seq + 1,
                at=BEGIN + timedelta(minutes=record.seq),
                by=by,
                operation=operation,
                epoch=epoch,
                body=inner,
                previous=record.head,
            ).sealed()
        )
    return record


def adopted(version: str = "17.0.0-ee.0") -> Record:
    """A record just after the first use."""
    return fold(Adopted(authority="a1", version=version, versions={"deploy-01": version}))


def opened(
    number: int, version: str, kind: OperationKind = OperationKind.DEPLOY, run: str = ""
) -> tuple[str, OperationOpened]:
    """An operation's begin."""
    details = Operation(
        id=f"lab-{number}",
        kind=kind,
        environment="lab",
        package="gitlab-ee",
        version=version,
        environment_sha256="0" * 64,
        deploy_node=Host(name="deploy-01"),
        placements=(),
        requested_by="maria",
        run=run,
        opened_at=BEGIN,
    )
    return details.id, OperationOpened(details=details, driver=Driver(name="vm:1:aa", task="lease", by="maria"))


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
