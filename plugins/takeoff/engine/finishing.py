"""The end of an operation: every host looked at once more, the version recorded, the lease given back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from takeoff.core.environment import Member
from takeoff.core.errors import CheckFailed, HostError
from takeoff.core.gates import HOSTS, blockers
from takeoff.core.journal_entries import EntryBody, TaskFinished
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.after_rollback import after_rollback
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.task_result import TaskResult
from takeoff.fleet.host_look import look_at
from takeoff.fleet.host_preflight import look_at_hosts
from takeoff.fleet.migrations import install_on_blessed_node

TOLD = 5
"""Problems that an error names; the rest is counted."""


async def finish(part: OperationPart, task: TaskSpec) -> TaskResult:
    """Verify that the whole fleet runs the version, then close the operation in one step with this task's end.

    A converge looks at its own hosts alone. A rollback moves the blessed node here, last of all hosts and without any
    migration.

    Raises:
        CheckFailed: a host runs another version, or is not as it should be.
    """
    begun, told = part.session.clock.monotonic(), tuple[EntryBody, ...]()
    match part.operation.kind:
        case OperationKind.CONVERGE:
            summary = await _verify_converged(part)
        case OperationKind.ROLLBACK:
            part.session.progress.line(await install_on_blessed_node(part.fleet, part.lease, rollback=True))
            summary = await _verify_all(part)
            told = tuple(await after_rollback(part))
        case _:
            summary = await _verify_all(part)
    seconds = round(part.session.clock.monotonic() - begun, 1)
    ended = TaskFinished(task=task.id, seconds=seconds, summary=summary)
    await part.session.leases.close(part.lease, Outcome.SUCCEEDED, by=part.lease.driver.by, bodies=(*told, ended))
    return TaskResult(summary=summary, journalled=True)


async def _verify_all(part: OperationPart) -> str:
    left = (await part.session.journal.read()).left_behind
    count = await verify_fleet(part, part.operation.version, left_behind=left)
    behind = f"; left behind: {', '.join(left)}" if left else ""
    return f"all {count} hosts run {part.operation.version}{behind}"


async def verify_fleet(part: OperationPart, version: str, *, left_behind: Mapping[str, str]) -> int:
    """Look at every host: what is installed, its health, its place in the balancers.

    Args:
        part: whose hosts.
        version: what must be installed on all of them.
        left_behind: hosts known not to be there; they are not asked for.

    Returns:
        How many hosts run it.

    Raises:
        CheckFailed: one does not, or something else is wrong with it; names each.
        BalancerSilent: a balancer gives no answer.
    """
    environment = part.session.environment
    report = await look_at_hosts(part.fleet, version=version, left_behind=tuple(left_behind))
    members = [member for member in environment.members() if member.host.name not in left_behind]
    looks = await asyncio.gather(*(_problem_of(part, member, version) for member in members))
    wrong = [problem for problem in looks if problem]
    node = environment.deploy_node.name
    if (installed := report.installed.get(node, "")) != version:
        wrong.insert(0, f"{node} has {installed or 'no such package'}")
    wrong += [
        finding.sentence().removeprefix(f"{HOSTS}: ")
        for finding in blockers(report.findings)
        if finding.host not in left_behind
    ]
    if wrong:
        told = "; ".join(wrong[:TOLD]) + (f"; and {len(wrong) - TOLD} more" if len(wrong) > TOLD else "")
        raise CheckFailed(
            f"not every host is as it should be with {version}: {told} — repair them, then run this task again"
        )
    return len(members) + 1


async def _verify_converged(part: OperationPart) -> str:
    """Look once more at the hosts that a converge was about; of the others it claims nothing.

    Raises:
        CheckFailed: one is not as it should be, or still left behind.
    """
    hosts, version = part.operation.converging, part.operation.version
    members = [member for member in part.session.environment.members() if member.host.name in hosts]
    looks = await asyncio.gather(*(_problem_of(part, member, version) for member in members))
    left = (await part.session.journal.read()).left_behind
    wrong = [problem for problem in looks if problem]
    wrong += [f"{host} is left behind still: {why}" for host, why in left.items() if host in hosts]
    if wrong:
        raise CheckFailed(f"{'; '.join(wrong)} — repair them, then `{part.operation.again}` goes on")
    behind = f"; left behind still: {', '.join(left)}" if left else ""
    return f"{', '.join(hosts)} {'run' if len(hosts) > 1 else 'runs'} {version}{behind}"


async def _problem_of(part: OperationPart, member: Member, version: str) -> str:
    environment, host = part.session.environment, member.host.name
    try:
        look = await look_at(part.session.transport, environment, host, environment.roles[member.role].health)
    except HostError as error:
        return str(error)
    if not look.is_on(version):
        state = f"{look.version} ({look.status})" if look.version else "no such package"
        return f"{host} has {state}" + (f", unfinished since {look.unfinished}" if look.unfinished else "")
    return "" if look.healthy else f"{host} is not healthy: {look.health}"
