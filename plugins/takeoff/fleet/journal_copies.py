"""Copies of the journal on other hosts: written after each decision, asked before the journal is trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from takeoff.core.environment import Environment
from takeoff.core.errors import HostError, TakeoffError
from takeoff.core.record import Record
from takeoff.fleet.host_script import MOVED, Answer, HostScript
from takeoff.fleet.journal_text import JournalText

COPIES = 3
"""Hosts that hold a copy, beside the authority itself."""

COPY_TIMEOUT_S = 20.0
"""Seconds for each call to a copy: a host that is down must not hold a decision up for long."""


def copy_hosts(environment: Environment) -> tuple[str, ...]:
    """Choose the hosts that hold copies: the first of each stage and role in turn, so that one mishap spares some."""
    first = {(member.stage, member.role): member.host.name for member in reversed(list(environment.members()))}
    spread = [first[place] for place in dict.fromkeys((m.stage, m.role) for m in environment.members())]
    rest = [member.host.name for member in environment.members() if member.host.name not in spread]
    return tuple([*spread, *rest][:COPIES])


class JournalCopies:
    """The copies of one environment's journal."""

    def __init__(self, script: HostScript, hosts: Sequence[str] | None = None) -> None:
        self._script = script
        self.hosts = copy_hosts(script.environment) if hosts is None else tuple(hosts)

    async def ask(self) -> dict[str, Answer]:
        """Ask every copy how long it is and how it ends; hosts that give no answer are left out."""
        answers = await asyncio.gather(*(self._state(host) for host in self.hosts), return_exceptions=True)
        found = {}
        for host, answer in zip(self.hosts, answers, strict=True):
            if isinstance(answer, Answer):
                found[host] = answer
            elif not isinstance(answer, HostError):
                raise answer
        return found

    @staticmethod
    def doubt(known: Mapping[str, Answer], text: JournalText) -> str:
        """Say why the journal is not to be trusted beside its copies; empty if it is.

        Args:
            known: the copies' answers, from before ``text`` was read: a copy is never ahead of its journal.
            text: the journal.
        """
        record = text.record
        for host, copy in known.items():
            authority, size = copy.fields.get("authority", ""), copy.number("size")
            if authority in record.former_authorities:
                continue  # The journal has moved since; this copy is replaced by the next decision.
            if authority and authority != record.authority:
                return f"is {record.authority or 'empty'}, but {host} belongs to journal {authority}"
            if size > text.size:
                return f"is shorter than its copy on {host} ({text.size} bytes, {size} there): entries are lost"
            if size and text.head_at(size) != copy.fields.get("head"):
                return f"is not the one that {host} holds a copy of: lines were changed"
            if copy.number("epoch") > record.epoch:
                return f"ends at epoch {record.epoch}, but {host} knows epoch {copy.number('epoch')}: entries are lost"
        return ""

    async def update(self, text: JournalText, hosts: Iterable[str] | None = None) -> dict[str, str]:
        """Bring the copies up to date; a copy that is newer by now is left alone.

        Returns:
            Host → why its copy could not be written; such a copy gets everything it lacks next time.
        """
        names = self.hosts if hosts is None else tuple(hosts)
        done = await asyncio.gather(*(self._update(host, text) for host in names), return_exceptions=True)
        failed = {}
        for host, result in zip(names, done, strict=True):
            if isinstance(result, TakeoffError):
                failed[host] = str(result)
            elif isinstance(result, BaseException):
                raise result
        return failed

    async def _update(self, host: str, text: JournalText) -> None:
        copy = await self._state(host)
        size = copy.number("size")
        if _same_journal(copy, text.record) and size >= text.size:
            return
        if text.head_at(size) == (copy.fields.get("head") or text.head_at(0)):
            done = await self._script.call(
                host,
                "journal-append",
                "copy",
                str(size),
                copy.fields.get("head", ""),
                stdin=text.after(size),
                timeout_s=COPY_TIMEOUT_S,
                moved=True,
            )
            if done.exit_status != MOVED:
                return
            copy = await self._state(host)  # Somebody else wrote there meanwhile; theirs is as good if it is as long.
            if copy.number("size") >= text.size:
                return
        await self._script.call(
            host,
            "journal-replace",
            "copy",
            str(copy.number("size")),
            stdin=text.after(0),
            timeout_s=COPY_TIMEOUT_S,
            moved=True,
        )

    async def _state(self, host: str) -> Answer:
        """Ask for a copy's size and end, without its text."""
        return await self._script.call(host, "journal-read", "copy", _END, timeout_s=COPY_TIMEOUT_S)


def _same_journal(copy: Answer, record: Record) -> bool:
    return copy.fields.get("authority", "") in ("", record.authority)


_END = str(2**40)
"""An offset behind every journal's end."""
