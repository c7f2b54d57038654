"""The end of an operation: every host looked at once more, the version recorded, the lease given back."""

from __future__ import annotations

from takeoff.core.errors import CheckFailed
from takeoff.core.gates import HOSTS, Weight
from takeoff.core.journal_entries import TaskFinished
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.preflight_report import HostsReport
from takeoff.core.record_gates import some
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.task_result import TaskResult
from takeoff.fleet.host_preflight import look_at_hosts
from takeoff.fleet.migrations import reinstall_blessed_node


async def finish(part: OperationPart, task: TaskSpec) -> TaskResult:
    """Verify that the whole fleet runs the version, then close the operation in one step with this task's end.

    A rollback moves the blessed node here, last of all hosts and without any migration.

    Raises:
        CheckFailed: a host runs another version, or is not as it should be.
    """
    begun = part.session.clock.monotonic()
    if part.operation.kind is OperationKind.ROLLBACK:
        part.session.progress.line(await reinstall_blessed_node(part.fleet, part.lease))
    left = (await part.session.journal.read()).left_behind
    count = await verify_fleet(part, part.operation.version, left_behind=left)
    behind = f"; left behind: {', '.join(left)}" if left else ""
    summary = f"all {count} hosts run {part.operation.version}{behind}"
    seconds = round(part.session.clock.monotonic() - begun, 1)
    ended = TaskFinished(task=task.id, seconds=seconds, summary=summary)
    await part.session.leases.close(part.lease, Outcome.SUCCEEDED, by=part.lease.driver.by, bodies=(ended,))
    return TaskResult(summary=summary, journalled=True)


async def verify_fleet(part: OperationPart, version: str, *, left_behind: dict[str, str]) -> int:
    """Look at every host.

    Args:
        part: whose hosts.
        version: what must be installed on all of them.
        left_behind: hosts known not to be there; they are not asked for.

    Returns:
        How many hosts run it.

    Raises:
        CheckFailed: one does not, or something else is wrong with it; names each.
    """
    report = await look_at_hosts(part.fleet, version=version, left_behind=left_behind)
    fleet = [host for host in part.session.environment.fleet if host not in left_behind]
    wrong = [f"{host} has {_found(report, host)}" for host in fleet if report.installed.get(host) != version]
    bad = [
        finding.sentence().removeprefix(f"{HOSTS}: ")
        for finding in report.findings
        if finding.weight is Weight.BLOCKS and finding.host not in left_behind
    ]
    if wrong or bad:
        raise CheckFailed(
            f"not every host is as it should be with {version}: {some(tuple(wrong + bad))}; repair them, then run "
            "this task again"
        )
    return len(fleet)


def _found(report: HostsReport, host: str) -> str:
    return report.installed.get(host) or ("no package" if host in report.looked_at else "given no answer")
