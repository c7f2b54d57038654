"""Entries that no driver makes: a hold, a resume. Decided on the newest record, appended only to that one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from takeoff.core.gates import refuse
from takeoff.core.journal_entries import EntryBody
from takeoff.core.record import Record
from takeoff.core.record_gates import unadopted
from takeoff.engine.session import Session
from takeoff.fleet.protocols import JournalMoved


async def decide(session: Session, decision: Callable[[Record], Sequence[EntryBody]], *, by: str) -> Record:
    """Append what a decision on the record says, and decide again if the record moved meanwhile.

    Args:
        session: the environment.
        decision: gives the entries, none if nothing is to be written; may raise to refuse.
        by: who.

    Returns:
        The record after it.
    """
    while True:
        record = await session.journal.read()
        bodies = decision(record)
        if not bodies:
            return record
        try:
            return await session.journal.append(*bodies, by=by, after=record)
        except JournalMoved:
            continue


async def known_record(session: Session, doing: str) -> Record:
    """Read the record of an environment that is known, from a journal that its copies do not contradict.

    Args:
        session: the environment.
        doing: what is refused otherwise, such as ``resume gprd``.

    Raises:
        Refused: there is no journal yet.
        AuthorityDoubtful: it is lost, older than a copy, or another one.
        HostUnreachable: the blessed node, which keeps it, gives no answer.
    """
    record = await session.journal.trusted()
    if not record.authority:
        refuse([unadopted(session.environment)], doing)
    return record
