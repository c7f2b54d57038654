"""Properties of a journal's text: however it is read, it folds to the same; whatever is changed in it is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.environment import Environment
from takeoff.core.journal_entries import FIRST, Adopted, BrokenLine, Entry, EntryBody, HoldLifted, HoldSet, Noted
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_script import HOST_SCRIPT, HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.journal_restore import examine
from takeoff.fleet.journal_text import JournalText
from tests.fleet.conftest import AUTHORITY
from tests.fleet.shell_hosts import ShellHosts

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
bodies = st.lists(
    st.one_of(
        st.builds(Noted, text=words, host=words),
        st.builds(HoldSet, reason=words),
        st.builds(HoldLifted, reason=words),
        st.builds(Adopted, authority=words, version=words, versions=st.dictionaries(words, words, max_size=3)),
    ),
    min_size=1,
    max_size=8,
)


def written(entries: list[EntryBody]) -> list[bytes]:
    """The lines of a journal with these entries, and their ends."""
    lines, previous = [], FIRST
    for seq, body in enumerate(entries, 1):
        entry = Entry(seq=seq, at=datetime(2026, 1, 1, tzinfo=UTC), by="maria", body=body, previous=previous).sealed()
        previous = entry.hash
        lines.append(entry.line().encode() + b"\n")
    return lines


@given(bodies, st.data())
def test_it_folds_to_the_same_in_whatever_pieces_it_comes(entries: list[EntryBody], data: st.DataObject) -> None:
    lines = written(entries)
    whole = JournalText()
    whole.add(b"".join(lines))
    pieces, rest = JournalText(), list(lines)

    while rest:
        count = data.draw(st.integers(1, len(rest)))
        # What is read may end in the middle of a line that is being written; that part comes again.
        half = rest[count][: data.draw(st.integers(0, len(rest[count]) - 1))] if count < len(rest) else b""
        pieces.add(b"".join(rest[:count]) + half)
        del rest[:count]

    assert pieces.record == whole.record
    assert pieces.size == whole.size == len(b"".join(lines))
    assert whole.record.seq == len(entries)
    assert [entry.body for entry in whole.entries] == entries
    assert whole.head_at(whole.size) == whole.record.head


@given(bodies, st.data())
def test_a_cut_at_any_byte_leaves_the_whole_lines_before_it(entries: list[EntryBody], data: st.DataObject) -> None:
    lines = written(entries)
    text = JournalText()
    place = data.draw(st.integers(0, len(b"".join(lines))))

    text.add(b"".join(lines)[:place])

    ends = [len(b"".join(lines[:count])) for count in range(len(lines) + 1)]
    assert text.record.seq == max(count for count, end in enumerate(ends) if end <= place)


@given(bodies, st.data())
def test_no_byte_can_be_changed_unnoticed(entries: list[EntryBody], data: st.DataObject) -> None:
    lines = written(entries)
    sound = bytearray(b"".join(lines))
    place, byte = data.draw(st.integers(0, len(sound) - 1)), data.draw(st.integers(0, 255))
    if byte == sound[place]:
        return
    damaged = bytearray(sound)
    damaged[place] = byte
    text, told = JournalText(), False

    try:
        text.add(bytes(damaged))
    except BrokenLine:
        told = True

    # Either it is told, or the last line lost its end, which is what a power loss looks like and is not believed.
    line = next(number for number in range(len(lines)) if place < len(b"".join(lines[: number + 1])))
    last_end = place == len(sound) - 1
    assert told or last_end or json.loads(damaged.split(b"\n")[line]) == json.loads(lines[line])
    assert text.record.seq <= len(entries)
    if told or last_end:
        assert text.record.seq == line


@pytest.mark.parametrize("seed", range(3))
async def test_an_append_that_is_killed_at_any_moment_is_there_whole_or_not_at_all(
    hosts: ShellHosts, environment: Environment, seed: int
) -> None:
    chance = random.Random(seed)
    script = HostScript(hosts, environment)
    journal = HostJournal(script, SystemClock())
    await journal.append(Adopted(authority=AUTHORITY, version="1", versions={}), by="maria", after=await journal.read())
    for number in range(8):
        await killed_append(hosts, script, number, chance)
        held = await examine(script, "deploy-01")
        assert (held.problem, held.cut) == ("", 0)
        texts = [entry.body.text for entry in held.text.entries if isinstance(entry.body, Noted)]
        assert texts[::2] == texts[1::2], "half of an append is there"


async def killed_append(hosts: ShellHosts, script: HostScript, number: int, chance: random.Random) -> None:
    """Append two entries of the same text, and kill the host's shell and all its children on the way."""
    held = await examine(script, "deploy-01")
    size, head = held.size, held.text.record.head
    lines, previous = b"", head
    for seq in (held.text.record.seq + 1, held.text.record.seq + 2):
        body = Noted(text=str(number))
        entry = Entry(seq=seq, at=datetime(2026, 1, 1, tzinfo=UTC), by="maria", body=body, previous=previous).sealed()
        lines, previous = lines + entry.line().encode() + b"\n", entry.hash
    text = HOST_SCRIPT.encode()
    words = ("journal-append", "/var/lib/takeoff", "lab", str(len(lines)), "journal", str(size), head)
    process = await asyncio.create_subprocess_exec(
        *hosts.command(text, words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env=hosts.variables("deploy-01"),
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(text + lines)
    process.stdin.close()
    await asyncio.sleep(chance.uniform(0, 0.15))
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
