"""Looking at a journal that is doubted, and putting it back from its copies, or onto another blessed node."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from takeoff.core.errors import AuthorityDoubtful, HostError, Superseded
from takeoff.core.journal_entries import AuthorityMoved, BrokenLine, Entry
from takeoff.core.record import Record
from takeoff.fleet.host_script import MOVED, HostScript
from takeoff.fleet.journal_copies import JournalCopies
from takeoff.fleet.journal_text import JournalText
from takeoff.fleet.protocols import Clock


@dataclass(frozen=True)
class HeldJournal:
    """A journal, or a copy of it, as one host holds it.

    Attributes:
        host: name of the host.
        kind: ``journal`` or ``copy``.
        text: its lines as far as they verify.
        size: bytes of whole lines there, sound or not.
        cut: bytes of a last line without its end, as a power loss leaves it; the next append sets them aside.
        problem: the first line that does not verify, and why; empty if all do.
        epoch: highest epoch the host has seen.
        authority: id of the journal the host belongs to; empty if none.
    """

    host: str
    kind: str
    text: JournalText
    size: int
    cut: int
    problem: str
    epoch: int
    authority: str


async def examine(script: HostScript, host: str, kind: str = "journal") -> HeldJournal:
    """Read a host's journal or copy from its first line and verify each one; change nothing.

    Raises:
        HostUnreachable: no answer.
    """
    text, problem, offset = JournalText(), "", 0
    while True:
        answer = await script.call(host, "journal-read", kind, str(offset))
        whole = answer.data[: answer.data.rfind(b"\n") + 1]
        offset += len(whole)
        try:
            text.add(whole)
        except BrokenLine as error:
            problem = str(error)
        if problem or not whole or offset >= answer.number("size"):
            return HeldJournal(
                host,
                kind,
                text,
                size=answer.number("size"),
                cut=answer.number("cut"),
                problem=problem,
                epoch=answer.number("epoch"),
                authority=answer.fields.get("authority", ""),
            )


async def restore(script: HostScript, clock: Clock, sources: Iterable[str], *, by: str, reason: str) -> Record:
    """Put the longest sound journal that the sources hold onto the blessed node, under a new id.

    What stood there is kept beside it. The epochs of the new journal are higher than any that the asked hosts know,
    so that every driver from before is superseded; hosts learn the new id from the next driver's announcement.

    Args:
        script: calls to the hosts.
        clock: stamps the entry that says so.
        sources: hosts to ask: all that can hold a copy, the old blessed node when it has been replaced, and further
            ones for the epochs they know. Those that give no answer are left out.
        by: who wants it.
        reason: why.

    Returns:
        The record of the restored journal.

    Raises:
        AuthorityDoubtful: no source holds a sound journal.
        HostUnreachable: the blessed node gives no answer.
        Superseded: somebody changed the journal meanwhile, as by another restore; nothing was changed.
    """
    authority = script.environment.deploy_node.name
    own = await examine(script, authority)
    held = [own, *await _held(script, [authority, *sources], but=(authority, "journal"))]
    best = max(held, key=lambda one: one.text.size)
    if not best.text.size:
        asked = ", ".join(sorted({one.host for one in held}))
        raise AuthorityDoubtful(
            f"none of the hosts that answered ({asked}) holds a journal: if this environment was never deployed to by "
            f"Takeoff, run `takeoff adopt {script.environment.name}`; else bring a host with a copy up and try again"
        )
    entry = Entry(
        seq=best.text.record.seq + 1,
        at=clock.now(),
        by=by,
        epoch=max(best.text.record.epoch, *(one.epoch for one in held)) + 1,
        body=AuthorityMoved(authority=str(uuid.uuid4()), host=authority, reason=reason),
        previous=best.text.record.head,
    ).sealed()
    best.text.add(entry.line().encode() + b"\n")
    done = await script.call(
        authority, "journal-replace", "journal", str(own.size), stdin=best.text.after(0), moved=True
    )
    if done.exit_status == MOVED:
        raise Superseded(
            f"the journal of {script.environment.name} on {authority} was changed while this restore looked at it, so "
            f"nothing was replaced: look at it with `takeoff journal {script.environment.name} --verify`"
        )
    await JournalCopies(script).update(best.text)
    return best.text.record


async def _held(script: HostScript, hosts: Iterable[str], *, but: tuple[str, str]) -> list[HeldJournal]:
    places = [(host, kind) for host in dict.fromkeys(hosts) for kind in ("journal", "copy") if (host, kind) != but]
    found = await asyncio.gather(*(examine(script, *place) for place in places), return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, HostError):
            raise one
    return [one for one in found if isinstance(one, HeldJournal)]
