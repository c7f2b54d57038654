"""Host jobs that must not begin: steps that are no names, and scripts that were cut on their way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from takeoff.core.errors import CommandFailed
from takeoff.core.operation import Lease
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_jobs import HostJobs
from takeoff.fleet.host_script import HOST_SCRIPT, HostScript
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
    words = ("job-ensure", "/var/lib/takeoff", "lab", "999", "1", "a", "lab-1", "web-01", "step", "0", "0")

    done = await hosts.run("web-01", HOST_SCRIPT, words, stdin=f"touch {tmp_path}/ran\n".encode())

    assert done.exit_status == 65
    assert not (tmp_path / "ran").exists()
    assert not list(hosts.state("web-01").glob("jobs/*"))
