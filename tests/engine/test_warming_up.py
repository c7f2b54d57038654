"""A warmup alone: an operation that installs nothing, and gives the lease back however it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from takeoff.core.errors import BudgetSpent, Halted, LeaseHeld, Refused
from takeoff.core.operation import Artifact, OperationKind, Outcome
from takeoff.core.reports import HostOutcome, Result, RolloutReport
from takeoff.core.versions import PackageVersion
from takeoff.engine import host_tasks, warming_up
from takeoff.engine.drivers import new_driver
from takeoff.engine.holds import pause
from takeoff.engine.opening import DeployRequest
from takeoff.engine.packages import FoundVersion
from takeoff.engine.session import Session
from takeoff.engine.warming_up import warm_up_alone
from tests.engine.sessions import V0, V1, draft, opened

WANTED = DeployRequest(version="17.1.0", by="maria")


class Downloads:
    """What the hosts' downloads come to."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.spent = self.endless = False
        self.begun = asyncio.Event()

    async def __call__(self, fleet: Any, lease: Any, **_: Any) -> RolloutReport:
        self.operations.append(lease.operation.id)
        self.begun.set()
        if self.endless:
            await asyncio.Event().wait()
        if self.spent:
            raise BudgetSpent("warmup: 1 host failed")
        return RolloutReport(hosts=(HostOutcome(host="web-01", result=Result.CHANGED, reason="5 bytes fetched"),))


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Downloads:
    """The sources hold 17.1.0-ee.0, and hosts download it."""

    async def found(session: Session, typed: str) -> FoundVersion:
        return FoundVersion(PackageVersion.parse(V1), (Artifact(sha256="0" * 64),))

    downloads = Downloads()
    monkeypatch.setattr(warming_up, "find_version", found)
    monkeypatch.setattr(host_tasks, "warm_up", downloads)
    return downloads


async def test_it_is_an_operation_that_deploys_nothing(session: Session, downloads: Downloads) -> None:
    result = await warm_up_alone(session, WANTED)
    assert result.summary == "1 changed"
    record = await session.journal.read()
    (one,) = record.operations.values()
    assert (one.details.kind, one.details.version, one.outcome) == (OperationKind.WARMUP, V1, Outcome.SUCCEEDED)
    assert record.deployed_version == V0


async def test_a_pause_does_not_hold_it(session: Session, downloads: Downloads) -> None:
    await pause(session, by="maria", reason="incident")
    await warm_up_alone(session, WANTED)
    assert downloads.operations == ["lab-1"]


async def test_one_that_fails_gives_the_lease_back(session: Session, downloads: Downloads) -> None:
    downloads.spent = True
    with pytest.raises(BudgetSpent):
        await warm_up_alone(session, WANTED)
    (one,) = (await session.journal.read()).operations.values()
    assert one.outcome is Outcome.NOTHING_CHANGED


async def test_one_that_is_left_keeps_the_lease_and_is_gone_on_with(session: Session, downloads: Downloads) -> None:
    downloads.endless = True
    warming = asyncio.create_task(warm_up_alone(session, WANTED))
    await downloads.begun.wait()
    session.stop.ask("maria", "Ctrl-C")
    warming.cancel()
    with pytest.raises(Halted, match=r"`takeoff deploy lab 17\.1\.0-ee\.0 --warmup` goes on"):
        await warming
    assert (await session.journal.read()).open_operation is not None

    downloads.endless = False
    session.stop.halt = None
    await warm_up_alone(session, WANTED)
    assert downloads.operations == ["lab-1", "lab-1"]
    assert (await session.journal.read()).open_operation is None


async def test_one_whose_process_was_killed_is_gone_on_with(session: Session, downloads: Downloads) -> None:
    killed = draft(session.environment, V1, OperationKind.WARMUP)
    await session.leases.open(killed, new_driver("warmup", "maria"), check=lambda _: None)
    await warm_up_alone(session, WANTED)
    assert downloads.operations == ["lab-1"]
    assert (await session.journal.read()).open_operation is None


async def test_a_deploy_that_is_open_refuses_it(session: Session, downloads: Downloads) -> None:
    await opened(session)
    with pytest.raises(LeaseHeld, match="lab-1"):
        await warm_up_alone(session, WANTED)
    assert not downloads.operations


async def test_an_environment_that_is_not_adopted_refuses_it(unadopted: Session, downloads: Downloads) -> None:
    with pytest.raises(Refused, match="adopt"):
        await warm_up_alone(unadopted, WANTED)
