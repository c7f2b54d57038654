"""Verifying the journal against its copies, and bringing it back from them."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from takeoff.core.errors import ConfigError, HostError
from takeoff.core.record import Record
from takeoff.engine.session import Session
from takeoff.fleet.journal_copies import copy_hosts
from takeoff.fleet.journal_restore import HeldJournal, examine, restore


class JournalCheck(NamedTuple):
    """What a look at the journal and its copies found.

    Attributes:
        good: the journal verifies to its last line, and no copy contradicts it.
        lines: one for each place, for people.
    """

    good: bool
    lines: tuple[str, ...]


async def verify_journal(session: Session) -> JournalCheck:
    """Verify every line of the journal, and compare each copy with it; changes nothing.

    Raises:
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
    """
    script, environment = session.fleet.script, session.environment
    own = await examine(script, environment.deploy_node.name)
    good, lines = not own.problem and not own.cut, [_told(own, "the journal")]
    hosts = copy_hosts(environment)
    held = await asyncio.gather(*(examine(script, host, "copy") for host in hosts), return_exceptions=True)
    for copy in held:
        if isinstance(copy, HostError):
            lines.append(f"copy on {copy}")
        elif isinstance(copy, BaseException):
            raise copy
        else:
            contradiction = _contradiction(own, copy)
            good = good and not contradiction
            lines.append(_told(copy, "a copy") + (f": {contradiction}" if contradiction else ""))
    return JournalCheck(good, tuple(lines))


async def restore_journal(session: Session, *, by: str, reason: str) -> Record:
    """Bring the longest sound journal that any host holds back to the blessed node, under a new id.

    Also how it moves to another blessed node, once the environment file names that one.

    Raises:
        ConfigError: no reason is given.
        AuthorityDoubtful: no host holds a sound journal.
        HostUnreachable: the blessed node gives no answer.
        Superseded: the journal was changed meanwhile, as by another restore.
    """
    if not reason.strip():
        raise ConfigError("restoring the journal needs a reason")
    hosts = session.environment.hosts()
    return await restore(session.fleet.script, session.clock, hosts, by=by, reason=reason)


def _told(held: HeldJournal, what: str) -> str:
    record = held.text.record
    cut = f", and {held.cut} bytes of a last line that was cut off" if held.cut else ""
    problem = f"; BROKEN: {held.problem}" if held.problem else ""
    return f"{held.host} holds {what}: {record.seq} entries that verify{cut}{problem}"


def _contradiction(own: HeldJournal, copy: HeldJournal) -> str:
    """Say why a copy speaks against the journal; empty if it does not."""
    mine, its = own.text, copy.text
    if its.size > mine.size:
        return "LONGER than the journal, which has lost entries"
    if its.size and mine.head_at(its.size) != its.record.head and its.record.authority == mine.record.authority:
        return "DIFFERENT from the journal, in which lines were changed"
    return ""
