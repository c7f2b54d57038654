"""After a takeover: hosts that the former driver may still change are taken out, and its host jobs are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from takeoff.core.counting import counted
from takeoff.core.errors import CheckFailed, HostError
from takeoff.core.journal_entries import LeftBehind, Noted
from takeoff.core.rollout_rules import floor_count, may_be_held_out
from takeoff.engine.operation_part import OperationPart
from takeoff.fleet.host_facts import read_facts
from takeoff.fleet.load_balancer import BalancerSilent

LOOK_AGAIN_S = 3.0

LIMIT_S = 6 * 3600.0
"""How long host jobs may go on before a person has to look; each of them has a limit of its own, far below."""


async def take_out_unfenced(part: OperationPart, unfenced: Mapping[str, str]) -> None:
    """Put the hosts that could not be told the new epoch to maint, and journal them as left behind.

    They hear it with the first call that reaches them, before anything is done there. A host that its role needs to
    stay above the floor keeps serving, or may again: to take it out would be the worse for its users.
    """
    environment, balancers = part.session.environment, part.fleet.balancers
    for member in environment.members():
        host = member.host.name
        if host not in unfenced or not balancers.know(host):
            continue
        everywhere = [one.host.name for one in environment.members(role=member.role)]
        try:
            standing = await balancers.look(everywhere)
            serving = [name for name, stands in standing.items() if stands.serving]
            floor = floor_count(environment.floor_for(member.role), len(everywhere))
            if not may_be_held_out(host, serving, floor, held_out=standing[host].held_out):
                left = "it serves on" if host in serving else "it is left as it is"
                await _note(part, host, f"unfenced, and {left}: without it its role would fall under its floor")
                continue
            # Journalled first: a maint that the journal does not know would be taken for a person's.
            await part.tell(LeftBehind(host=host, reason=f"unfenced: {unfenced[host]}"))
            await balancers.put_to_maint(part.lease, host)
        except BalancerSilent as silence:
            await _note(part, host, f"unfenced, and it could not be taken out: {silence}")
            continue
        part.session.progress.host(host, "left behind", "unfenced")


async def wait_until_quiet(part: OperationPart, unheard: Collection[str]) -> str:
    """Wait until no host runs a job of another operation.

    Args:
        part: of the operation that took over.
        unheard: hosts that give no answer; they are not asked.

    Returns:
        What was waited for, in one line.

    Raises:
        CheckFailed: a job does not end.
    """
    clock, progress = part.session.clock, part.session.progress
    hosts = [host for host in part.session.environment.fleet if host not in unheard]
    begun, told, waited = clock.monotonic(), "", set[str]()
    while True:
        looks = await asyncio.gather(*(_foreign_jobs(part, host) for host in hosts))
        running = sorted(job for jobs in looks for job in jobs)
        if not running:
            return f"waited for {counted(len(waited), 'host job')}" if waited else "no host job was running"
        waited |= set(running)
        if clock.monotonic() - begun > LIMIT_S:
            raise CheckFailed(
                f"{', '.join(running)} still run {LIMIT_S / 3600:.0f} h after the operation was taken over: look at "
                "those hosts, then run this task again"
            )
        if (now := ", ".join(running)) != told:
            told = now
            progress.line(f"waiting for host jobs of the operation that was ended: {now}")
        await clock.sleep(LOOK_AGAIN_S)


async def _foreign_jobs(part: OperationPart, host: str) -> tuple[str, ...]:
    try:
        facts = await read_facts(part.fleet.script, host)
    except HostError as error:
        part.session.progress.line(f"{error}: whether a job runs there is not known")
        return ()
    return tuple(job for job in facts.running_jobs if job.partition("/")[0] != part.operation.id)


async def _note(part: OperationPart, host: str, text: str) -> None:
    part.session.progress.line(f"{host}: {text}")
    await part.tell(Noted(text=text, host=host))
