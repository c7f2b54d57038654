"""Host jobs, journal and lease over real SSH servers whose connections break at any moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from takeoff.core.environment import Environment
from takeoff.core.errors import HostUnreachable, Superseded
from takeoff.core.hosts import Host
from takeoff.core.journal_entries import Adopted, Noted
from takeoff.core.operation import Lease
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.connections import SshTransport
from takeoff.fleet.host_jobs import HostJobs
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.lease import JournalLeases
from takeoff.fleet.protocols import JournalMoved
from takeoff.fleet.ssh_credentials import SshCredentials
from tests.fleet.conftest import AUTHORITY, announce, draft_of, driver_of
from tests.fleet.job_processes import end_jobs
from tests.fleet.ssh_hosts import SshHosts


@pytest.fixture
async def servers(tmp_path: Path, environment: Environment) -> AsyncIterator[SshHosts]:
    async with SshHosts(tmp_path / "servers", list(environment.hosts())) as started:
        yield started


@pytest.fixture(autouse=True)
def no_jobs_left(tmp_path: Path) -> Iterator[None]:
    yield
    end_jobs(tmp_path)


@pytest.fixture
async def script(servers: SshHosts, environment: Environment) -> AsyncIterator[HostScript]:
    hosts = {name: Host(name=name, address="127.0.0.1", port=server.port) for name, server in servers.hosts.items()}
    credentials = SshCredentials(user="takeoff", key_file=servers.key_file, known_hosts=servers.known_hosts)
    transport = SshTransport(hosts, environment.ssh, credentials)
    yield HostScript(transport, environment)
    await transport.aclose()


async def cutting(servers: SshHosts, name: str, *, seed: int) -> None:
    """Break the host's connections again and again, at odd moments."""
    chance = random.Random(seed)
    while True:
        await asyncio.sleep(chance.uniform(0.1, 1.2))
        servers.hosts[name].cut()


@pytest.mark.parametrize("seed", range(3))
async def test_a_job_runs_once_to_its_end_and_its_log_is_whole_while_connections_break(
    servers: SshHosts, script: HostScript, make_lease: Callable[..., Lease], tmp_path: Path, seed: int
) -> None:
    text = f"echo ran >>{tmp_path}/count; for i in 1 2 3 4 5 6; do echo line $i; sleep 0.3; done"
    lines: list[str] = []
    await announce(script, make_lease(), "web-01")
    breaker = asyncio.create_task(cutting(servers, "web-01", seed=seed))

    result = await HostJobs(script, SystemClock()).run(
        make_lease(), "web-01", "step", text, timeout_s=60, output=lines.append, describe="the command"
    )

    breaker.cancel()
    assert (result.attempt, result.attached, result.already_done) == (1, False, False)
    assert lines == [f"line {number}" for number in range(1, 7)]
    assert (tmp_path / "count").read_text() == "ran\n"


async def test_a_job_goes_on_while_its_host_refuses_connections(
    servers: SshHosts, script: HostScript, make_lease: Callable[..., Lease], tmp_path: Path
) -> None:
    text = f"echo begun; until test -e {tmp_path}/go; do sleep 0.05; done; echo ended"
    lines: list[str] = []
    await announce(script, make_lease(), "web-01")
    jobs = HostJobs(script, SystemClock())
    running = asyncio.create_task(
        jobs.run(make_lease(), "web-01", "step", text, timeout_s=60, output=lines.append, describe="x")
    )
    async with asyncio.timeout(10):
        while not lines:
            await asyncio.sleep(0.02)
    await servers.stop("web-01")
    (tmp_path / "go").touch()
    await servers.start("web-01")

    await running

    assert lines == ["begun", "ended"]


async def test_what_was_appended_is_there_once_and_in_order_while_connections_break(
    servers: SshHosts, script: HostScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("takeoff.fleet.journal.APPEND_PAUSES_S", (0.0,) * 20)
    journal = HostJournal(script, SystemClock())
    adopted = Adopted(authority=AUTHORITY, version="17.0.0-ee.0", versions={})
    record = await journal.append(adopted, by="maria", after=await journal.read())
    breaker = asyncio.create_task(cutting(servers, "deploy-01", seed=7))

    for number in range(15):
        record = await journal.append(Noted(text=str(number)), by="maria", after=record)

    breaker.cancel()
    texts = [entry.body.text for entry in await journal.entries() if isinstance(entry.body, Noted)]
    assert texts == [str(number) for number in range(15)]


async def test_drivers_that_race_under_breaking_connections_never_share_an_epoch(
    servers: SshHosts, script: HostScript, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("takeoff.fleet.journal.APPEND_PAUSES_S", (0.0,) * 20)
    clock = SystemClock()
    journal = HostJournal(script, clock)
    adopted = Adopted(authority=AUTHORITY, version="17.0.0-ee.0", versions={})
    await journal.append(adopted, by="maria", after=await journal.read())
    await JournalLeases(journal, clock).open(draft_of(environment), driver_of(), check=lambda _: None)
    breaker = asyncio.create_task(cutting(servers, "deploy-01", seed=11))

    async def drive(number: int) -> list[int]:
        leases = JournalLeases(HostJournal(script, clock), clock)
        epochs = []
        while len(epochs) < 3:
            try:
                epochs.append((await leases.drive("lab-1", driver_of(name=f"driver {number}"))).epoch)
            except (HostUnreachable, JournalMoved, Superseded):
                continue
        return epochs

    taken = [epoch for epochs in await asyncio.gather(*(drive(number) for number in range(3))) for epoch in epochs]

    breaker.cancel()
    assert len(taken) == len(set(taken)) == 9
    assert max(taken) == (await HostJournal(script, clock).read()).epoch
