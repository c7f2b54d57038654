"""Host jobs that must not begin: wrong names, scripts that were cut on their way, drivers that are not the newest."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from takeoff.core.errors import CommandFailed, HostUnfenced, Superseded
from takeoff.core.operation import Lease
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_jobs import HostJobs
from takeoff.fleet.host_script import HOST_SCRIPT, HostScript
from tests.fleet.conftest import AUTHORITY, announce
from tests.fleet.shell_hosts import ShellHosts

MakeLease = Callable[..., Lease]


@pytest.mark.parametrize("step", ["../x", "a/b", "", ".hidden", "a b", "$(id)"])
async def test_a_step_that_is_no_name_is_refused(
    script: HostScript, hosts: ShellHosts, make_lease: MakeLease, step: str
) -> None:
    jobs = HostJobs(script, SystemClock())
    with pytest.raises(CommandFailed, match="is no name") as refused:
        await jobs.run(make_lease(), "web-01", step, "true", timeout_s=30, describe="the command")

    assert refused.value.exit_status == 64
    assert not hosts.state("web-01").exists()


async def test_a_script_that_was_cut_on_its_way_does_not_run(
    script: HostScript, hosts: ShellHosts, make_lease: MakeLease, tmp_path: Path
) -> None:
    await announce(script, make_lease(), "web-01")
    words = ("job-ensure", "/var/lib/takeoff", "lab", "999", "1", AUTHORITY, "lab-1", "web-01", "step", "0", "0")

    done = await hosts.run("web-01", HOST_SCRIPT, words, stdin=f"touch {tmp_path}/ran\n".encode())

    assert done.exit_status == 65
    assert not (tmp_path / "ran").exists()
    assert not list(hosts.state("web-01").glob("jobs/*"))


async def test_a_host_that_lost_its_state_takes_no_job_before_a_driver_is_announced_again(
    script: HostScript, hosts: ShellHosts, make_lease: MakeLease, tmp_path: Path
) -> None:
    jobs = HostJobs(script, SystemClock())
    await announce(script, make_lease(), "web-01")
    shutil.rmtree(hosts.state("web-01"))

    with pytest.raises(HostUnfenced, match="it knows no driver"):
        await jobs.run(make_lease(), "web-01", "step", f"touch {tmp_path}/ran", timeout_s=30, describe="the command")
    assert not (tmp_path / "ran").exists()

    await announce(script, make_lease(epoch=2), "web-01")
    await jobs.run(make_lease(epoch=2), "web-01", "step", f"touch {tmp_path}/ran", timeout_s=30, describe="it")
    assert (tmp_path / "ran").exists()


async def test_rule_1_whoever_asks_what_runs_on_a_host_is_the_one_who_may_begin_something_there(
    script: HostScript, hosts: ShellHosts, make_lease: MakeLease, tmp_path: Path
) -> None:
    jobs = HostJobs(script, SystemClock())
    former, newest, go = make_lease(1, 1), make_lease(2, 2), tmp_path / "go"
    await announce(script, former, "web-01")
    waits = f"until [ -e {go} ]; do sleep 0.1; done"
    begun = asyncio.create_task(jobs.run(former, "web-01", "begun", waits, timeout_s=30, describe="it"))
    async with asyncio.timeout(20):
        while not await jobs.running(former, "web-01"):
            await asyncio.sleep(0.05)

    assert await jobs.running(newest, "web-01") == ("lab-1/web-01/begun",)
    with pytest.raises(Superseded):
        await jobs.run(former, "web-01", "late", f"touch {tmp_path}/late", timeout_s=30, describe="it")

    go.touch()
    await begun
    assert await jobs.running(newest, "web-01") == ()
    assert not (tmp_path / "late").exists()
