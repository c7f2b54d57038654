"""The lease, kept in the journal alone: an operation that is open there is what holds the environment.

Appending is compare-and-append, so reading the record, looking at the hold and taking the lease are one step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from takeoff.core.errors import AuthorityDoubtful, LeaseHeld, Superseded
from takeoff.core.journal_entries import DriverStarted, EntryBody, OperationClosed, OperationOpened
from takeoff.core.operation import Driver, Lease, Operation, OperationDraft, Outcome
from takeoff.core.record import OperationRecord, Record
from takeoff.fleet.protocols import Clock, Journal, JournalMoved


class JournalLeases:
    """The :class:`~takeoff.fleet.protocols.LeaseStore` of one environment."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    async def open(
        self, draft: OperationDraft, driver: Driver, *, check: Callable[[Record], None], takes_over: str | None = None
    ) -> Lease:
        """Open an operation and take the lease; see :meth:`takeoff.fleet.protocols.LeaseStore.open`."""
        while True:
            record = await self._journal.read()
            if not record.authority:
                raise AuthorityDoubtful(
                    f"the journal of {draft.environment} is empty: run `takeoff adopt {draft.environment}` if Takeoff "
                    f"is new here, `takeoff journal {draft.environment} --restore` if it is not"
                )
            holder = record.open_operation
            if holder is not None and holder.details.id != takes_over:
                raise LeaseHeld(holder.details.id, held_by(holder))
            check(record)
            operation = Operation(
                **dict(draft), id=record.next_operation_id(draft.environment), opened_at=self._clock.now()
            )
            opened = OperationOpened(details=operation, driver=driver, takes_over=holder.details.id if holder else "")
            epoch = record.epoch + 1
            try:
                await self._journal.append(opened, by=driver.by, after=record, operation=operation.id, epoch=epoch)
            except JournalMoved:
                continue
            return _lease(record, operation, driver, epoch)

    async def drive(self, operation_id: str, driver: Driver) -> Lease:
        """Become the operation's driver; see :meth:`takeoff.fleet.protocols.LeaseStore.drive`."""
        newest: int | None = None
        while True:
            record = await self._journal.read()
            one = record.operations.get(operation_id)
            if one is None:
                raise Superseded(
                    f"there is no operation {operation_id} in the journal; nothing was changed: start a new run"
                )
            if one.outcome is not None:
                raise Superseded(closed(one, record))
            if newest not in (None, one.epoch):
                # This one was frozen or overtaken: the other is at work by now, and is not driven out by an older try.
                raise Superseded(
                    f"{one.driver.by} drives {operation_id} ({one.driver.task}) since this driver looked first, with "
                    f"epoch {one.epoch}: this one changes nothing"
                )
            newest, epoch = one.epoch, record.epoch + 1
            body = DriverStarted(driver=driver)
            try:
                await self._journal.append(body, by=driver.by, after=record, operation=operation_id, epoch=epoch)
            except JournalMoved:
                continue
            return _lease(record, one.details, driver, epoch)

    async def close(self, lease: Lease, outcome: Outcome, *, by: str, bodies: Sequence[EntryBody] = ()) -> Record:
        """End the operation; see :meth:`takeoff.fleet.protocols.LeaseStore.close`.

        The record's deployed version becomes the operation's, if it is a deploy or rollback that succeeded.
        """
        operation = lease.operation
        version = operation.version if outcome is Outcome.SUCCEEDED else ""
        end = OperationClosed(outcome=outcome, version=version)
        while True:
            record = await self._journal.read()
            one = record.operations.get(operation.id)
            if one is None or one.outcome is not None:
                raise Superseded(closed(one, record) if one else f"operation {operation.id} is not in the journal")
            if one.epoch != lease.epoch:
                raise Superseded(
                    f"{one.driver.by} has driven {operation.id} ({one.driver.task}) since this driver, with epoch "
                    f"{one.epoch} after its {lease.epoch}: this one changes nothing more"
                )
            try:
                return await self._journal.append(
                    *bodies, end, by=by, after=record, operation=operation.id, epoch=lease.epoch
                )
            except JournalMoved:
                continue


def held_by(holder: OperationRecord) -> str:
    """Tell who holds the environment, since when, why, where it stands, and what lifts it."""
    one = holder.details
    reason = f" ({one.reason})" if one.reason else ""
    failed = [task for task, state in holder.tasks.items() if state.state == "failed"]
    stands = f"; its task {failed[-1]} failed" if failed else f"; it is at {holder.driver.task}"
    where = f", {one.run_url}" if one.run_url else ""
    return (
        f"{one.environment} is held by {one.kind.value} {one.id} to {one.version}, opened by "
        f"{one.requested_by}{reason} at {one.opened_at:%Y-%m-%d %H:%M} UTC{stands}{where}. "
        f"It ends when that run is finished or its failed task "
        f"cleared, with `{one.again}`, with `takeoff rollback {one.environment} VERSION --reason R`, or with "
        f"`takeoff lease {one.environment} --release --reason R`"
    )


def closed(one: OperationRecord, record: Record) -> str:
    """Tell that an operation is over, how it ended, and what came after it."""
    ended = f"at {one.closed_at:%Y-%m-%d %H:%M} UTC" if one.closed_at else ""
    newest = next(reversed(record.operations.values()))
    later = newest.details
    after = f"; {later.id} ({later.kind.value} to {later.version}) came after it" if later.id != one.details.id else ""
    how = one.outcome.value.replace("_", " ") if one.outcome else "open"
    return (
        f"operation {one.details.id} ended {ended} ({how}){after}: an operation that is closed is never opened "
        f"again, nothing was changed; start a new run"
    )


def _lease(record: Record, operation: Operation, driver: Driver, epoch: int) -> Lease:
    return Lease(
        operation=operation,
        driver=driver,
        epoch=epoch,
        authority=record.authority,
        predecessors=record.former_authorities,
    )
