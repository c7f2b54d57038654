"""Looks at every host and balancer before anything changes: read-only, all at once, all findings in one report."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping

from takeoff.core.errors import CheckFailed, HostError, HostKeyRejected, HostLoginRejected
from takeoff.core.gates import HOSTS, Finding, Weight
from takeoff.core.host_facts import HostFacts, judge
from takeoff.core.operation import Artifact
from takeoff.core.preflight_report import HostsReport
from takeoff.core.rollout_rules import StageMoves, floor_count, stage_at_floor
from takeoff.fleet.fleet import Fleet
from takeoff.fleet.host_facts import read_facts
from takeoff.fleet.load_balancer import BalancerSilent, HostStanding

LOOKS_AT_ONCE = 100
"""Hosts asked in parallel."""


async def look_at_hosts(
    fleet: Fleet,
    *,
    version: str = "",
    artifacts: tuple[Artifact, ...] = (),
    left_behind: Collection[str] = (),
    converging: Collection[str] | None = None,
) -> HostsReport:
    """Look at the blessed node, every host and every balancer.

    Looked at: reachable, host key and login, becoming root, disk, dpkg's state and lock, holds, clock, memory,
    ``auto_migrate`` off everywhere but on the blessed node, installed version; every server known to its balancer
    and ready or in maint; room above the floor for one host of each role.

    Args:
        fleet: the environment.
        version: what shall be installed; disk space is not asked of hosts that run it already.
        artifacts: its builds, for size and architecture.
        left_behind: hosts known to be left behind; their silence is told, and blocks nothing.
        converging: only these shall move, because they are not as they should be: what is found at others is told
            only, and that these do not serve, or that their role is short of hosts, is no hindrance.

    Returns:
        All findings. An unreachable host is a finding, not an exception.
    """
    environment = fleet.environment
    few = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def one(host: str) -> tuple[HostFacts | None, tuple[Finding, ...]]:
        async with few:
            try:
                facts = await read_facts(fleet.script, host)
            except HostError as error:
                return None, (_unfit(host, error, host in left_behind),)
            return facts, judge(facts, environment, now=fleet.clock.now(), version=version, artifacts=artifacts)

    looked, (standing, balancers) = await asyncio.gather(
        asyncio.gather(*(one(host) for host in environment.fleet)), _balancers(fleet)
    )
    answered = [facts for facts, _ in looked if facts is not None]
    of_hosts = [finding for _, findings in looked for finding in findings]
    of_servers = list(_servers(standing, left_behind))
    if converging is None:
        staying = {*left_behind, *(facts.host for facts in answered if version and facts.version == version)}
        of_servers += _floors(fleet, standing, staying, returning={facts.host for facts in answered} & {*left_behind})
    else:
        of_hosts = [finding if finding.host in converging else _told(finding) for finding in of_hosts]
        of_servers = [_told(finding) for finding in of_servers]
    return HostsReport(
        findings=(*of_hosts, *balancers, *of_servers),
        looked_at=tuple(facts.host for facts in answered),
        installed={facts.host: facts.version for facts in answered if facts.version},
        serving={host: stands.state for host, stands in standing.items()},
    )


def _told(finding: Finding) -> Finding:
    return finding.model_copy(update={"weight": Weight.TOLD})


def _unfit(host: str, error: HostError, left_behind: bool) -> Finding:
    if isinstance(error, HostKeyRejected):
        lifts = "compare its key on its console, then correct known_hosts"
    elif isinstance(error, HostLoginRejected):
        lifts = "check ssh.user, its key there, and that sudo -n works"
    else:
        lifts = "bring it back, or take it out of the environment file"
    weight = Weight.TOLD if left_behind else Weight.BLOCKS
    told = str(error).removeprefix(f"{host}: ") + (" (it is left behind already)" if left_behind else "")
    return Finding(gate=HOSTS, weight=weight, host=host, message=told, lifts=lifts)


async def _balancers(fleet: Fleet) -> tuple[Mapping[str, HostStanding], tuple[Finding, ...]]:
    """Ask all balancers; where one is silent or lacks a server, that is the finding and nobody's standing is known."""
    problems = await fleet.balancers.problems()
    findings = tuple(
        Finding(gate=HOSTS, host=name, message=told, lifts="repair the balancer, or load_balancers in the file")
        for name, told in problems.items()
    )
    if findings:
        return {}, findings
    try:
        hosts = [member.host.name for member in fleet.environment.members()]
        return await fleet.balancers.look(hosts, max_age_s=5.0), ()
    except (BalancerSilent, CheckFailed) as error:
        return {}, (Finding(gate=HOSTS, message=str(error), lifts="repair the balancer"),)


def _servers(standing: Mapping[str, HostStanding], left_behind: Collection[str]) -> Iterator[Finding]:
    for host, stands in standing.items():
        for balancer, status in stands.servers:
            at = f"{status.name} is {status.status} at {balancer}"
            if status.in_maint:
                why = "left behind by an earlier rollout" if host in left_behind else "by somebody; it is left so"
                yield Finding(gate=HOSTS, weight=Weight.TOLD, host=host, message=f"{at}, {why}")
            elif not status.serving:
                said = ": ".join(filter(None, (at, f"{status.check} {status.check_told}".strip())))
                yield Finding(gate=HOSTS, host=host, message=said, lifts="bring it back to ready, or put it to maint")


def _floors(
    fleet: Fleet, standing: Mapping[str, HostStanding], staying: Collection[str], returning: Collection[str]
) -> Iterator[Finding]:
    """Tell of roles that stand at their floor although a host of them has to leave.

    Args:
        fleet: the environment.
        standing: in the balancers, of the hosts that are in any.
        staying: hosts that do not have to leave.
        returning: hosts that were left behind and answer again: moving one takes nothing away, and brings it back.
    """
    environment = fleet.environment
    for role in environment.role_names:
        hosts = [member.host.name for member in environment.members(role=role)]
        serving = sum(1 for host in hosts if host not in standing or standing[host].serving)
        floor = floor_count(environment.floor_for(role), len(hosts))
        if serving > floor:
            continue
        moves = []
        for stage in environment.stages:
            moved = {member.host.name for member in environment.members(stage.name, role)}
            back = tuple(host for host in hosts if host in moved and host in returning and host in standing)
            moves.append(StageMoves(stage.name, leaving=not moved <= {*staying}, returning=back))
        told = f"role {role}: {serving} of {len(hosts)} hosts serve and the floor is {floor}, so "
        first = [host for stage in moves for host in stage.returning]
        if short := stage_at_floor(moves, serving, floor):
            lifts = f"bring hosts back, or lower roles.{role}.floor in the environment file"
            yield Finding(gate=HOSTS, message=f"{told}none may leave {short}", lifts=lifts)
        elif first:
            have = "have" if first[1:] else "has"
            told += f"{', '.join(first)}, left behind and back again, {have} to serve first"
            yield Finding(gate=HOSTS, weight=Weight.TOLD, message=told)
