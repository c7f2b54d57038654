"""What a rollback leaves in the record: the versions that were left are rejected, what is pending is asked anew."""

from __future__ import annotations

from takeoff.core.errors import TakeoffError
from takeoff.core.journal_entries import EntryBody, MigrationsPending, VersionRejected
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.record import Record
from takeoff.engine.operation_part import OperationPart
from takeoff.fleet.migrations import pending


async def after_rollback(part: OperationPart) -> list[EntryBody]:
    """Make the entries that close a rollback together with its end."""
    record, operation = await part.session.journal.read(), part.operation
    reason = f"rolled back to {operation.version} by {operation.requested_by}: {operation.reason}"
    entries: list[EntryBody] = [
        VersionRejected(version=version, reason=reason) for version in versions_left(record, operation.id)
    ]
    try:
        names = await pending(part.fleet)
    except TakeoffError as error:
        # The fleet is back; the next migrations say what is pending, and none run before they were looked at again.
        part.session.progress.line(f"what is pending now is not known: {error}")
        return entries
    return [*entries, MigrationsPending(version=operation.version, names=names)] if _news(record, names) else entries


def versions_left(record: Record, operation_id: str) -> tuple[str, ...]:
    """List the versions that a rollback leaves: its own, and those of what was taken over on the way to it."""
    operations = list(record.operations.values())
    own = next(place for place, one in enumerate(operations) if one.details.id == operation_id)
    left, target = [operations[own].details.restore_from], operations[own].details.version
    for one in reversed(operations[:own]):
        if one.outcome is not Outcome.TAKEN_OVER:
            break
        of_deploy = one.details.kind is OperationKind.DEPLOY
        left.append(one.details.version if of_deploy else one.details.restore_from)
    return tuple(version for version in dict.fromkeys(left) if version and version != target)


def _news(record: Record, names: tuple[str, ...]) -> bool:
    return bool(names) or record.pending is not None
