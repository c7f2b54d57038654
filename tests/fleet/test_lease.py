"""The lease: one operation at a time, a new epoch for each driver, and a story for whoever is refused."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from takeoff.core.environment import Environment
from takeoff.core.errors import AuthorityDoubtful, LeaseHeld, Refused, Superseded
from takeoff.core.journal_entries import Adopted, EntryBody, HoldSet, Noted, TaskFailed
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.record import Record
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.fencing import Fence
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.lease import JournalLeases
from tests.fleet.conftest import AUTHORITY, draft_of, driver_of
from tests.fleet.shell_hosts import ShellHosts


def passes(record: Record) -> None:
    """A check that forbids nothing."""


async def adopted(script: HostScript) -> HostJournal:
    journal = HostJournal(script, SystemClock())
    body = Adopted(authority=AUTHORITY, version="17.0.0-ee.0", versions={})
    await journal.append(body, by="maria", after=await journal.read())
    return journal


async def test_an_environment_that_was_never_adopted_gives_no_lease(
    script: HostScript, environment: Environment
) -> None:
    leases = JournalLeases(HostJournal(script, SystemClock()), SystemClock())

    with pytest.raises(AuthorityDoubtful, match="the journal of lab is empty: run `takeoff adopt lab`"):
        await leases.open(draft_of(environment), driver_of(), check=passes)


async def test_opening_pins_the_operation_and_counts_ids_and_epochs_up(
    script: HostScript, environment: Environment
) -> None:
    journal = await adopted(script)
    leases = JournalLeases(journal, SystemClock())

    first = await leases.open(draft_of(environment), driver_of(), check=passes)
    record = await leases.close(first, Outcome.SUCCEEDED, by="maria")
    second = await leases.open(draft_of(environment, version="17.2.0-ee.0"), driver_of(), check=passes)

    assert (first.operation.id, first.epoch, first.authority) == ("lab-1", 1, AUTHORITY)
    assert (second.operation.id, second.epoch) == ("lab-2", 2)
    assert record.deployed_version == "17.1.0-ee.0"
    opened = (await journal.read()).open_operation
    assert opened is not None
    assert opened.details == second.operation


async def test_who_is_refused_reads_who_holds_it_since_when_why_and_what_lifts_it(
    script: HostScript, environment: Environment
) -> None:
    journal = await adopted(script)
    leases = JournalLeases(journal, SystemClock())
    url = "http://127.0.0.1:8080/run"
    held = await leases.open(draft_of(environment, reason="hotfix", run_url=url), driver_of(), check=passes)
    failed = TaskFailed(task="main.web", seconds=3, error="web-02 broke")
    await journal.append(failed, by="maria", after=await journal.read(), operation="lab-1", epoch=held.epoch)

    with pytest.raises(LeaseHeld) as refused:
        await leases.open(draft_of(environment), driver_of(by="joe"), check=passes)

    assert refused.value.holder == "lab-1"
    assert re.fullmatch(
        r"lab is held by deploy lab-1 to 17\.1\.0-ee\.0, opened by maria \(hotfix\) at [\d-]+ [\d:]+ UTC; its task "
        r"main\.web failed, http://127\.0\.0\.1:8080/run\. It ends when that run is finished or its failed task "
        r"cleared, with `takeoff deploy lab 17\.1\.0-ee\.0`, "
        r"with `takeoff rollback lab VERSION --reason R`, or with `takeoff lease lab --release --reason R`",
        str(refused.value),
    )


async def test_of_two_drivers_that_race_one_holds_the_lease(
    hosts: ShellHosts, script: HostScript, environment: Environment
) -> None:
    await adopted(script)

    async def take(name: str) -> str:
        leases = JournalLeases(HostJournal(HostScript(hosts, environment), SystemClock()), SystemClock())
        try:
            return (await leases.open(draft_of(environment), driver_of(by=name), check=passes)).operation.id
        except LeaseHeld as refused:
            return f"held by {refused.holder}"

    outcomes = await asyncio.gather(*(take(name) for name in ("maria", "joe", "kim", "li")))

    assert sorted(outcomes) == ["held by lab-1"] * 3 + ["lab-1"]


async def test_a_hold_that_comes_between_looking_and_taking_is_seen(
    hosts: ShellHosts, script: HostScript, environment: Environment
) -> None:
    journal = await adopted(script)
    other = HostJournal(HostScript(hosts, environment), SystemClock())
    await other.read()
    looks: list[Record] = []

    class PausedMeanwhile(HostJournal):
        async def append(self, *bodies: object, **more: object) -> Record:  # type: ignore[override]
            if len(looks) == 1:
                await other.append(HoldSet(reason="incident"), by="joe", after=await other.read())
            return await super().append(*bodies, **more)  # type: ignore[arg-type]

    def check(record: Record) -> None:
        looks.append(record)
        if record.hold is not None:
            raise Refused("paused", record.hold.reason)

    leases = JournalLeases(PausedMeanwhile(HostScript(hosts, environment), SystemClock()), SystemClock())
    with pytest.raises(Refused, match="incident"):
        await leases.open(draft_of(environment), driver_of(), check=check)

    assert len(looks) == 2
    assert (await journal.read()).open_operation is None


async def test_a_takeover_ends_the_open_operation_in_the_same_step(
    script: HostScript, environment: Environment
) -> None:
    journal = await adopted(script)
    leases = JournalLeases(journal, SystemClock())
    old = await leases.open(draft_of(environment), driver_of(), check=passes)
    rollback = draft_of(environment, kind=OperationKind.ROLLBACK, version="17.0.0-ee.0")

    new = await leases.open(rollback, driver_of(by="joe"), check=passes, takes_over=old.operation.id)

    record = await journal.read()
    assert record.operations["lab-1"].outcome is Outcome.TAKEN_OVER
    assert record.open_operation is not None
    assert record.open_operation.details.id == new.operation.id == "lab-2"
    with pytest.raises(Superseded, match=r"operation lab-1 ended at .* \(taken over\); lab-2 \(rollback to 17\.0\.0"):
        await leases.close(old, Outcome.SUCCEEDED, by="maria")


async def test_a_takeover_of_another_operation_than_the_open_one_is_refused(
    script: HostScript, environment: Environment
) -> None:
    leases = JournalLeases(await adopted(script), SystemClock())
    first = await leases.open(draft_of(environment), driver_of(), check=passes)
    await leases.close(first, Outcome.SUCCEEDED, by="maria")
    await leases.open(draft_of(environment), driver_of(), check=passes)

    with pytest.raises(LeaseHeld, match="lab-2"):
        await leases.open(draft_of(environment), driver_of(), check=passes, takes_over="lab-1")


async def test_each_driver_gets_a_higher_epoch_and_the_one_before_cannot_close(
    script: HostScript, environment: Environment
) -> None:
    leases = JournalLeases(await adopted(script), SystemClock())
    first = await leases.open(draft_of(environment), driver_of(), check=passes)

    second = await leases.drive("lab-1", driver_of("warmup", by="joe"))

    assert (first.epoch, second.epoch) == (1, 2)
    with pytest.raises(Superseded, match=r"joe has driven lab-1 \(warmup\) since this driver, with epoch 2"):
        await leases.close(first, Outcome.SUCCEEDED, by="maria")
    await leases.close(second, Outcome.SUCCEEDED, by="joe", bodies=[Noted(text="all well")])


async def test_a_driver_that_was_frozen_while_it_joined_does_not_drive_out_its_own_retry(
    script: HostScript, environment: Environment
) -> None:
    journal = await adopted(script)
    await JournalLeases(journal, SystemClock()).open(draft_of(environment), driver_of(), check=passes)
    retry = JournalLeases(HostJournal(script, SystemClock()), SystemClock())

    class Frozen(HostJournal):
        """Stands still between the look at the journal and the entry in it, until the retry drives."""

        async def append(self, *bodies: EntryBody, **more: Any) -> Record:
            if (await self.read()).epoch == 1:
                await retry.drive("lab-1", driver_of("warmup", by="joe"))
            return await super().append(*bodies, **more)

    with pytest.raises(Superseded, match=r"joe drives lab-1 \(warmup\) since this driver looked first"):
        await JournalLeases(Frozen(script, SystemClock()), SystemClock()).drive("lab-1", driver_of())

    assert (await journal.read()).epoch == 2


@pytest.mark.parametrize(
    ("operation", "says"),
    [("lab-1", r"operation lab-1 ended at .* \(succeeded\): an operation that is closed"), ("lab-7", "no operation")],
)
async def test_a_closed_or_unknown_operation_is_not_driven(
    script: HostScript, environment: Environment, operation: str, says: str
) -> None:
    journal = await adopted(script)
    leases = JournalLeases(journal, SystemClock())
    lease = await leases.open(draft_of(environment), driver_of(), check=passes)
    await leases.close(lease, Outcome.SUCCEEDED, by="maria")
    before = await journal.read()

    with pytest.raises(Superseded, match=says):
        await leases.drive(operation, driver_of())

    assert await journal.read() == before


async def test_an_answer_that_is_lost_opens_one_operation(
    hosts: ShellHosts, script: HostScript, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("takeoff.fleet.journal.APPEND_PAUSES_S", (0.0,))
    journal = await adopted(script)
    leases = JournalLeases(journal, SystemClock())

    def check(record: Record) -> None:
        hosts.lose_answers = 1

    lease = await leases.open(draft_of(environment), driver_of(), check=check)

    assert lease.operation.id == "lab-1"
    assert list((await journal.read()).operations) == ["lab-1"]


async def test_an_announcement_reaches_whom_it_can_and_names_the_rest(
    hosts: ShellHosts, script: HostScript, environment: Environment
) -> None:
    leases = JournalLeases(await adopted(script), SystemClock())
    lease = await leases.open(draft_of(environment), driver_of(), check=passes)
    hosts.down.add("web-02")

    told = await Fence(script).announce(lease, environment.hosts(), point_of_no_return="17.1.0-ee.0")

    assert told.told == ("deploy-01", "web-cny-01", "web-01", "sidekiq-01")
    assert told.unfenced == {"web-02": "web-02: is down"}
    answer = await script.call("web-01", "fence", "1", AUTHORITY, "")
    assert answer.fields == {
        "epoch": "1",
        "authority": AUTHORITY,
        "point_of_no_return": "17.1.0-ee.0",
        "running": "",
    }


async def test_an_announcement_of_an_older_epoch_is_refused(script: HostScript, environment: Environment) -> None:
    leases = JournalLeases(await adopted(script), SystemClock())
    old = await leases.open(draft_of(environment), driver_of(), check=passes)
    new = await leases.drive("lab-1", driver_of())
    await Fence(script).announce(new, ["web-01"])

    with pytest.raises(Superseded, match="web-01 refused fence: it has seen epoch 2, this driver's is 1"):
        await Fence(script).announce(old, ["web-01", "web-02"])
