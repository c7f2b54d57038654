"""Two people who restore the same lost journal at the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from takeoff.core.environment import Environment
from takeoff.core.errors import Superseded
from takeoff.core.journal_entries import Adopted
from takeoff.core.record import Record
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.journal_restore import restore
from takeoff.fleet.protocols import Completed
from tests.fleet.conftest import AUTHORITY
from tests.fleet.shell_hosts import ShellHosts


async def test_of_two_restores_at_once_one_is_told_that_nothing_of_its_own_was_done(
    hosts: ShellHosts, script: HostScript, environment: Environment
) -> None:
    clock, quick = SystemClock(), script
    journal = HostJournal(script, clock)
    adopted = Adopted(authority=AUTHORITY, version="17.0.0-ee.0", versions={})
    await journal.append(adopted, by="maria", after=await journal.read())
    (hosts.state("deploy-01") / "journal").unlink()
    first: list[Record] = []

    class Slow(ShellHosts):
        """Sends nothing to replace the journal before another restore has ended."""

        async def run(self, host: str, script: str, arguments: Sequence[str] = (), **more: Any) -> Completed:
            if arguments[:1] == ("journal-replace",):
                first.append(await restore(quick, clock, environment.hosts(), by="joe", reason="was quicker"))
            return await hosts.run(host, script, arguments, **more)

    slow = HostScript(Slow(hosts.folder / "slow"), environment)
    told = ""
    try:
        await restore(slow, clock, environment.hosts(), by="maria", reason="disk died")
    except Superseded as error:
        told = str(error)

    assert "was changed while this restore looked at it, so nothing was replaced" in told
    assert [await HostJournal(script, clock).read()] == first
