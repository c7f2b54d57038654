"""The environment's journal, kept on the blessed node (the authority) and copied to a few other hosts."""

from __future__ import annotations

import asyncio

from takeoff.core.environment import Environment
from takeoff.core.errors import AuthorityDoubtful, HostUnreachable, Superseded
from takeoff.core.journal_entries import (
    Adopted,
    AuthorityMoved,
    BrokenLine,
    Converged,
    DriverStarted,
    Entry,
    EntryBody,
    HoldLifted,
    HoldSet,
    LeftBehind,
    Noted,
    OperationClosed,
    OperationOpened,
    PointOfNoReturn,
    PostDeployFinished,
    VersionRejected,
)
from takeoff.core.record import Record
from takeoff.fleet.host_script import MOVED, Answer, HostScript
from takeoff.fleet.journal_copies import JournalCopies
from takeoff.fleet.journal_text import JournalText
from takeoff.fleet.protocols import Clock, JournalMoved

DECISIONS = (
    Adopted,
    AuthorityMoved,
    OperationOpened,
    DriverStarted,
    PointOfNoReturn,
    PostDeployFinished,
    LeftBehind,
    Converged,
    VersionRejected,
    HoldSet,
    HoldLifted,
    OperationClosed,
)
"""Entries that something is decided by later: the journal is copied when one was added."""

APPEND_PAUSES_S = (1.0, 3.0, 10.0)
"""Pauses before an append whose answer was lost is looked for, and made again if it is not there."""


class HostJournal:
    """The :class:`~takeoff.fleet.protocols.Journal` on a host; reads only what came since it read last."""

    def __init__(self, script: HostScript, clock: Clock, *, copies: JournalCopies | None = None) -> None:
        """Prepare; nothing is read yet.

        Args:
            script: calls to the hosts.
            clock: stamps the entries.
            copies: the hosts that hold copies; by default those that ``copy_hosts`` chooses.
        """
        self._script = script
        self._clock = clock
        self.copies = JournalCopies(script) if copies is None else copies
        self._text = JournalText()
        self._cut = 0
        self._trusted = False
        self._lock = asyncio.Lock()

    @property
    def _environment(self) -> Environment:
        return self._script.environment

    @property
    def authority(self) -> str:
        """Name of the host that the journal is kept on."""
        return self._environment.deploy_node.name

    @property
    def known(self) -> Record:
        """The record as this process read or wrote it last; nobody is asked."""
        return self._text.record

    @property
    def known_entries(self) -> tuple[Entry, ...]:
        """The entries that :attr:`known` is the fold of, oldest first; nobody is asked."""
        return tuple(self._text.entries)

    async def read(self) -> Record:
        """Fold the whole journal; see :meth:`takeoff.fleet.protocols.Journal.read`."""
        async with self._lock:
            await self._catch_up()
            return self._text.record

    async def trusted(self) -> Record:
        """Read the journal, and ask its copies, if this process has not yet, whether it is the newest there is.

        Raises:
            AuthorityDoubtful: it is not; or as :meth:`read`.
        """
        async with self._lock:
            await self._check_trust()
            await self._catch_up()
            return self._text.record

    async def entries(self) -> tuple[Entry, ...]:
        """Read every entry, oldest first; raises as :meth:`read`."""
        await self.read()
        return tuple(self._text.entries)

    async def append(
        self, *bodies: EntryBody, by: str, after: Record, operation: str | None = None, epoch: int | None = None
    ) -> Record:
        """Add entries in one step; see :meth:`takeoff.fleet.protocols.Journal.append`.

        The first append also asks the copies whether the journal can be trusted. A last line that was cut off by a
        power loss is set aside on the host, and said so in an entry before these.

        Raises:
            Superseded: a newer driver has an epoch in the record, or the driver's operation is closed.
        """
        if not bodies:
            return after
        async with self._lock:
            await self._check_trust()
            if after.head != self._text.record.head:
                await self._catch_up()
            if after.head != self._text.record.head:
                raise JournalMoved
            _check_driver(after, operation, epoch)
            if self._cut:
                cut = f"the journal's last line had been cut off; its {self._cut} bytes are kept beside it"
                bodies = (Noted(text=cut, host=self.authority), *bodies)
            entries = self._sealed(bodies, by=by, operation=operation or "", epoch=epoch)
            await self._send(entries)
            record = self._text.record
            if any(isinstance(entry.body, DECISIONS) for entry in entries):
                await self.copies.update(self._text)
        return record

    def _sealed(self, bodies: tuple[EntryBody, ...], *, by: str, operation: str, epoch: int | None) -> list[Entry]:
        entries: list[Entry] = []
        previous, now = self._text.record.head, self._clock.now()
        for seq, body in enumerate(bodies, self._text.record.seq + 1):
            entry = Entry(seq=seq, at=now, by=by, operation=operation, epoch=epoch, body=body, previous=previous)
            entries.append(entry.sealed())
            previous = entries[-1].hash
        return entries

    async def _send(self, entries: list[Entry]) -> None:
        """Append on the host; if the answer is lost, look whether the lines are there before sending them again."""
        lines = b"".join(entry.line().encode() + b"\n" for entry in entries)
        size, head = self._text.size, self._text.record.head
        for pause in (*APPEND_PAUSES_S, None):
            try:
                answer = await self._script.call(
                    self.authority, "journal-append", "journal", str(size), head, stdin=lines, moved=True
                )
                if answer.exit_status != MOVED:
                    self._text.add(lines)
                    self._cut = 0
                    return
                fresh = await self._catch_up()
            except HostUnreachable:
                if pause is None:
                    raise
                await self._clock.sleep(pause)
                try:
                    fresh = await self._catch_up()
                except HostUnreachable:
                    continue
            if entries[-1].hash in {entry.hash for entry in fresh}:
                return
            if self._text.record.head != head:
                raise JournalMoved
        raise HostUnreachable(self.authority, "the journal gave no answer; read it to see whether the entry is in it")

    async def _catch_up(self) -> list[Entry]:
        fresh: list[Entry] = []
        while True:
            answer = await self._script.call(self.authority, "journal-read", "journal", str(self._text.size))
            if answer.number("size") < self._text.size:
                raise self._doubt("has become shorter since it was read")
            try:
                fresh += self._text.add(answer.data)
            except BrokenLine as error:
                raise self._doubt(f"is broken: {error}") from None
            if self._text.size >= answer.number("size"):
                break
            if b"\n" not in answer.data:
                raise self._doubt(f"is broken: line {self._text.record.seq + 1} has no end")
        self._cut = answer.number("cut")
        self._check_host(answer)
        return fresh

    def _check_host(self, answer: Answer) -> None:
        """Compare the journal with what its own host remembers of drivers."""
        record, epoch, authority = self._text.record, answer.number("epoch"), answer.fields.get("authority", "")
        if record.seq == 0 and (epoch or authority):
            raise self._doubt(f"is empty, but the host knows epoch {epoch} of journal {authority}")
        if authority and authority not in (record.authority, *record.former_authorities):
            raise self._doubt(f"is {record.authority or 'without an id'}, but the host belongs to journal {authority}")
        if epoch > record.epoch:
            raise self._doubt(f"ends at epoch {record.epoch}, but the host knows epoch {epoch}: newer entries are lost")

    async def _check_trust(self) -> None:
        """Ask the copies, once, whether they hold more than the journal, or another one."""
        if not self._trusted:
            known = await self.copies.ask()
            await self._catch_up()
            if problem := self.copies.doubt(known, self._text):
                raise self._doubt(problem)
            self._trusted = True

    def _doubt(self, problem: str) -> AuthorityDoubtful:
        name = self._environment.name
        return AuthorityDoubtful(
            f"the journal of {name} on {self.authority} {problem}: nothing may change until it is restored; look with "
            f"`takeoff journal {name} --verify`, then run `takeoff journal {name} --restore`"
        )


def _check_driver(record: Record, operation: str | None, epoch: int | None) -> None:
    """Refuse the entries of a driver that is not the newest any more."""
    if epoch is None or epoch > record.epoch:
        return
    one = record.operations.get(operation or "")
    if epoch == record.epoch and (one is None or one.outcome is None):
        return
    newest = record.open_operation
    if newest is not None:
        since = f"{newest.driver.by} drives {newest.details.id} ({newest.driver.task}) with epoch {newest.epoch}"
    else:
        since = f"operation {operation} is closed"
    raise Superseded(f"this driver's epoch {epoch} is over: {since}; it changes nothing more")
