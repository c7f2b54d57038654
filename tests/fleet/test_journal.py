"""The journal on real hosts' shells: reading, appending at once, lost answers, power loss, copies, doubt, restoring."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from takeoff.core.environment import Environment
from takeoff.core.errors import AuthorityDoubtful, CommandFailed, HostUnreachable, Superseded
from takeoff.core.journal_entries import Adopted, AuthorityMoved, HoldSet, Noted
from takeoff.core.operation import Outcome
from takeoff.core.record import Record
from takeoff.fleet import journal as journal_module
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.fencing import Fence
from takeoff.fleet.host_script import HOST_SCRIPT, HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.journal_copies import JournalCopies, copy_hosts
from takeoff.fleet.journal_restore import examine, restore
from takeoff.fleet.lease import JournalLeases
from takeoff.fleet.protocols import JournalMoved
from tests.fleet.conftest import AUTHORITY, draft_of, driver_of
from tests.fleet.shell_hosts import ShellHosts

ADOPTED = Adopted(authority=AUTHORITY, version="17.0.0-ee.0", versions={"web-01": "17.0.0-ee.0"})


@pytest.fixture
def journal(script: HostScript, monkeypatch: pytest.MonkeyPatch) -> HostJournal:
    monkeypatch.setattr(journal_module, "APPEND_PAUSES_S", (0.0, 0.0))
    return HostJournal(script, SystemClock())


@pytest.fixture
def file(hosts: ShellHosts) -> Path:
    """The journal's file on the authority."""
    return hosts.state("deploy-01") / "journal"


async def adopt(journal: HostJournal) -> Record:
    return await journal.append(ADOPTED, by="maria", after=await journal.read())


async def note(journal: HostJournal, *texts: str) -> Record:
    return await journal.append(*(Noted(text=text) for text in texts), by="maria", after=await journal.read())


def texts(journal: HostJournal) -> Awaitable[list[str]]:
    async def read() -> list[str]:
        return [entry.body.text for entry in await journal.entries() if isinstance(entry.body, Noted)]

    return read()


async def test_a_new_journal_is_empty_and_reading_it_leaves_nothing_on_the_host(
    journal: HostJournal, hosts: ShellHosts
) -> None:
    assert await journal.read() == Record()
    assert not hosts.state("deploy-01").exists()


async def test_what_one_process_appends_another_reads(journal: HostJournal, script: HostScript) -> None:
    await adopt(journal)
    written = await note(journal, "café ☃", "quotes \"'$(x)\\n", "line\nbreak")

    other = HostJournal(script, SystemClock())

    assert await other.read() == written
    assert await texts(other) == ["café ☃", "quotes \"'$(x)\\n", "line\nbreak"]


async def test_only_what_came_since_is_read_again(journal: HostJournal, script: HostScript) -> None:
    await adopt(journal)
    other = HostJournal(script, SystemClock())
    await note(other, "one")
    await journal.read()
    size = await script.call("deploy-01", "journal-read", "journal", "0")

    await note(other, "two")
    record = await journal.read()

    assert record.seq == 3
    assert size.number("size") < journal._text.size


async def test_an_append_on_an_old_record_is_refused_and_adds_nothing(journal: HostJournal, script: HostScript) -> None:
    old = await adopt(journal)
    other = HostJournal(script, SystemClock())
    await note(other, "first")

    with pytest.raises(JournalMoved):
        await journal.append(Noted(text="second"), by="maria", after=old)

    assert await texts(journal) == ["first"]


async def test_of_many_appends_at_once_each_lands_once_or_is_refused(journal: HostJournal, script: HostScript) -> None:
    record = await adopt(journal)
    drivers = [HostJournal(script, SystemClock()) for _ in range(6)]

    async def once(number: int, driver: HostJournal) -> bool:
        try:
            await driver.append(Noted(text=str(number)), by="maria", after=record)
        except JournalMoved:
            return False
        return True

    landed = await asyncio.gather(*(once(number, driver) for number, driver in enumerate(drivers)))

    assert landed.count(True) == 1
    assert await texts(journal) == [str(landed.index(True))]


@pytest.mark.parametrize("lost", [1, 2])
async def test_an_append_whose_answer_was_lost_is_there_once(
    journal: HostJournal, hosts: ShellHosts, lost: int
) -> None:
    await adopt(journal)
    await note(journal, "before")
    record = await journal.read()
    hosts.lose_answers = lost

    await journal.append(Noted(text="one"), Noted(text="two"), by="maria", after=record)

    assert await texts(journal) == ["before", "one", "two"]


async def test_an_authority_that_stays_silent_is_unreachable(journal: HostJournal, hosts: ShellHosts) -> None:
    record = await adopt(journal)
    hosts.down.add("deploy-01")

    with pytest.raises(HostUnreachable):
        await journal.append(Noted(text="one"), by="maria", after=record)


@pytest.mark.parametrize("kept", [0, 1, 60, -1], ids=["nothing", "one byte", "60 bytes", "all but its end"])
async def test_a_cut_last_line_is_repaired_by_the_next_append_and_kept_aside(
    journal: HostJournal, script: HostScript, file: Path, kept: int
) -> None:
    await adopt(journal)
    await note(journal, "whole")
    *lines, last = file.read_bytes().splitlines(keepends=True)
    cut = last[:kept] if kept >= 0 else last[:-1]
    file.write_bytes(b"".join(lines) + cut)
    reader = HostJournal(script, SystemClock())

    record = await reader.read()
    await note(reader, "after")

    assert record.seq == 1
    said = [f"the journal's last line had been cut off; its {len(cut)} bytes are kept beside it"] if cut else []
    assert await texts(HostJournal(script, SystemClock())) == [*said, "after"]
    aside = file.with_name("journal.cut")
    assert (aside.read_bytes() if aside.exists() else b"") == cut


@pytest.mark.parametrize("written", [0, 1, 200, 10_000], ids=["none", "one byte", "a part", "all"])
async def test_an_append_that_was_cut_off_by_a_crash_is_brought_to_its_end(
    journal: HostJournal, script: HostScript, file: Path, written: int
) -> None:
    await adopt(journal)
    before = file.read_bytes()
    await note(journal, "one", "two")
    added = file.read_bytes()[len(before) :]
    file.with_name("journal.redo").write_bytes(f"{len(before)}\n".encode() + added)
    file.write_bytes(before + added[:written])

    assert await texts(HostJournal(script, SystemClock())) == ["one", "two"]
    assert not file.with_name("journal.redo").exists()


async def test_an_append_that_was_not_complete_when_it_crashed_never_happened(
    journal: HostJournal, script: HostScript, file: Path
) -> None:
    await adopt(journal)
    file.with_name("journal.redo.new").write_bytes(b"999\nhalf")

    await note(HostJournal(script, SystemClock()), "next")

    assert await texts(journal) == ["next"]


async def test_lines_that_were_cut_on_their_way_are_not_appended(
    journal: HostJournal, hosts: ShellHosts, file: Path
) -> None:
    await adopt(journal)
    before = file.read_bytes()
    words = ("journal-append", "/var/lib/takeoff", "lab", "500", "journal", str(len(before)), "x")

    done = await hosts.run("deploy-01", HOST_SCRIPT, words, stdin=b'{"seq":2}\n')

    assert done.exit_status == 65
    assert file.read_bytes() == before


Damage = Callable[[list[bytes]], list[bytes]]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(lambda a: [a[0], a[1].replace(b"one", b"ONE"), *a[2:]], "line 2 was changed", id="changed"),
        pytest.param(lambda a: [a[0], *a[2:]], "line 2 does not follow the line before it", id="missing"),
        pytest.param(lambda a: [a[0], a[2], a[1], a[3]], "line 2 does not follow", id="swapped"),
        pytest.param(lambda a: [a[0], b"rubbish\n", *a[1:]], "line 2 is no JSON", id="put in"),
    ],
)
async def test_a_damaged_line_is_named_and_nothing_may_change(
    journal: HostJournal, script: HostScript, file: Path, damage: Damage, says: str
) -> None:
    await adopt(journal)
    await note(journal, "one", "two", "three")
    file.write_bytes(b"".join(damage(file.read_bytes().splitlines(keepends=True))))

    with pytest.raises(AuthorityDoubtful, match=f"the journal of lab on deploy-01 is broken: {says}.*--restore"):
        await HostJournal(script, SystemClock()).read()
    assert says in (await examine(script, "deploy-01")).problem


async def test_a_journal_that_became_shorter_is_doubted(journal: HostJournal, file: Path) -> None:
    await adopt(journal)
    await note(journal, "one")
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])

    with pytest.raises(AuthorityDoubtful, match="has become shorter since it was read"):
        await journal.read()


async def test_a_decision_is_copied_to_hosts_of_different_places(
    journal: HostJournal, hosts: ShellHosts, environment: Environment, file: Path
) -> None:
    await adopt(journal)
    await journal.append(HoldSet(reason="look"), by="maria", after=await journal.read())

    assert copy_hosts(environment) == ("web-cny-01", "web-01", "sidekiq-01")
    for host in copy_hosts(environment):
        assert (hosts.state(host) / "copy").read_bytes() == file.read_bytes()


async def test_a_copy_that_was_down_gets_all_it_lacks_later(
    journal: HostJournal, hosts: ShellHosts, file: Path
) -> None:
    hosts.down.add("web-01")
    await adopt(journal)
    hosts.down.clear()

    await note(journal, "is no decision")
    await journal.append(HoldSet(reason="look"), by="maria", after=await journal.read())

    assert (hosts.state("web-01") / "copy").read_bytes() == file.read_bytes()


async def test_a_lost_journal_is_noticed_by_its_own_host_or_by_the_copies(
    journal: HostJournal, script: HostScript, hosts: ShellHosts, file: Path
) -> None:
    await adopt(journal)
    file.unlink()
    reader = HostJournal(script, SystemClock())

    with pytest.raises(AuthorityDoubtful, match="is shorter than its copy on web-cny-01"):
        await adopt(reader)


async def test_a_journal_older_than_a_copy_is_doubted(
    journal: HostJournal, script: HostScript, hosts: ShellHosts, file: Path
) -> None:
    record = await adopt(journal)
    old = file.read_bytes()
    await journal.append(HoldSet(reason="look"), by="maria", after=record)
    file.write_bytes(old)
    hosts.down.add("web-cny-01")

    with pytest.raises(AuthorityDoubtful, match="is shorter than its copy on web-01"):
        await note(HostJournal(script, SystemClock()), "more")


async def test_a_journal_that_is_behind_the_epoch_of_its_own_host_is_doubted(
    journal: HostJournal, script: HostScript, file: Path, environment: Environment
) -> None:
    await adopt(journal)
    old = file.read_bytes()
    lease = await JournalLeases(journal, SystemClock()).open(draft_of(environment), driver_of(), check=lambda _: None)
    await Fence(script).announce(lease, ["deploy-01"])
    file.write_bytes(old)

    with pytest.raises(AuthorityDoubtful, match="ends at epoch 0, but the host knows epoch 1"):
        await HostJournal(script, SystemClock()).read()


async def test_a_lost_journal_is_restored_from_its_longest_copy_under_a_new_id_and_a_higher_epoch(
    journal: HostJournal, script: HostScript, hosts: ShellHosts, file: Path, environment: Environment
) -> None:
    await adopt(journal)
    clock = SystemClock()
    lease = await JournalLeases(journal, clock).open(draft_of(environment), driver_of(), check=lambda _: None)
    await Fence(script).announce(lease, environment.hosts())
    (hosts.state("web-01") / "copy").write_bytes(file.read_bytes().splitlines(keepends=True)[0])
    file.unlink()
    (hosts.state("deploy-01") / "fence").unlink()

    record = await restore(script, clock, environment.hosts(), by="maria", reason="disk died")

    fresh = HostJournal(script, clock)
    assert await fresh.read() == record
    assert record.open_operation is not None
    assert (record.epoch, record.former_authorities) == (2, (AUTHORITY,))
    last = (await fresh.entries())[-1].body
    assert isinstance(last, AuthorityMoved)
    assert last.reason == "disk died"
    for host in copy_hosts(environment):
        assert (hosts.state(host) / "copy").read_bytes() == file.read_bytes()
    newer = await JournalLeases(fresh, clock).drive("lab-1", driver_of())
    told = await Fence(script).announce(newer, environment.hosts())
    assert told.unfenced == {}
    with pytest.raises(AuthorityDoubtful):
        await Fence(script).announce(lease, ["web-01"])


async def test_a_journal_with_a_damaged_line_is_restored_and_what_was_there_is_kept(
    journal: HostJournal, script: HostScript, file: Path, environment: Environment
) -> None:
    await adopt(journal)
    await journal.append(HoldSet(reason="look"), by="maria", after=await journal.read())
    damaged = file.read_bytes().replace(b"look", b"LOOK")
    file.write_bytes(damaged)

    record = await restore(script, SystemClock(), environment.hosts(), by="maria", reason="someone edited it")

    assert record.hold is not None
    assert record.hold.reason == "look"
    assert [path.read_bytes() for path in file.parent.glob("journal.2*")] == [damaged]


async def test_nothing_is_restored_where_nobody_holds_a_journal(script: HostScript, environment: Environment) -> None:
    with pytest.raises(AuthorityDoubtful, match=r"none of the hosts that answered .* holds a journal"):
        await restore(script, SystemClock(), environment.hosts(), by="maria", reason="?")


async def test_a_journal_moves_to_another_blessed_node(
    journal: HostJournal, hosts: ShellHosts, environment: Environment
) -> None:
    await adopt(journal)
    moved = environment.model_copy(update={"deploy_node": environment.hosts()["sidekiq-01"]})
    script = HostScript(hosts, moved)

    record = await restore(script, SystemClock(), ["deploy-01", *moved.hosts()], by="maria", reason="new node")

    assert record.authority_host == "sidekiq-01"
    assert await HostJournal(script, SystemClock(), copies=JournalCopies(script, ["web-01"])).read() == record


async def test_a_driver_that_was_followed_by_another_writes_nothing(
    journal: HostJournal, environment: Environment
) -> None:
    await adopt(journal)
    leases = JournalLeases(journal, SystemClock())
    old = await leases.open(draft_of(environment), driver_of(), check=lambda _: None)
    await leases.drive(old.operation.id, driver_of("migrations", by="joe"))

    with pytest.raises(Superseded, match=r"epoch 1 is over: joe drives lab-1 \(migrations\) with epoch 2"):
        await journal.append(
            Noted(text="late"), by="maria", after=await journal.read(), operation="lab-1", epoch=old.epoch
        )


async def test_a_driver_of_a_closed_operation_writes_nothing(journal: HostJournal, environment: Environment) -> None:
    await adopt(journal)
    leases = JournalLeases(journal, SystemClock())
    lease = await leases.open(draft_of(environment), driver_of(), check=lambda _: None)
    await leases.close(lease, Outcome.SUCCEEDED, by="maria")

    with pytest.raises(Superseded, match="operation lab-1 is closed"):
        await journal.append(Noted(text="late"), by="maria", after=await journal.read(), operation="lab-1", epoch=1)


async def test_a_full_disk_is_told_and_the_journal_stays_whole(
    journal: HostJournal, script: HostScript, file: Path
) -> None:
    record = await adopt(journal)
    before = file.read_bytes()
    file.with_name("journal.redo.new").mkdir()  # What cannot be written is told, whatever the cause.

    with pytest.raises(CommandFailed, match="cannot write to /var/lib/takeoff/lab: is the disk full"):
        await journal.append(Noted(text="one"), by="maria", after=record)

    assert file.read_bytes() == before
