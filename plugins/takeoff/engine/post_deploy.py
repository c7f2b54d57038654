"""Post-deploy migrations as an operation of their own: a point of no return, only after a person's yes."""

from __future__ import annotations

import math

from takeoff.core.errors import Superseded
from takeoff.core.gates import check_skips, refuse, with_skips
from takeoff.core.operation import Driver, OperationKind, Stored
from takeoff.core.record import Record
from takeoff.core.record_gates import post_deploy_findings
from takeoff.core.task_ids import POST_DEPLOY, TaskKind, TaskSpec, post_deploy_tasks
from takeoff.core.verdict import reachable_versions
from takeoff.engine.alerts import pinned_alerts
from takeoff.engine.carrying_out import Watcher, carry_out, unfinished
from takeoff.engine.drivers import new_driver
from takeoff.engine.journal_entry import known_record
from takeoff.engine.opening import DeployRequest
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.qa import look_at_qa
from takeoff.engine.requested import draft_of, tell_overridden
from takeoff.engine.session import Session
from takeoff.engine.tasks import TaskResult, run_task

POST_DEPLOY_TASK = TaskSpec(POST_DEPLOY, TaskKind.POST_DEPLOY)


class PostDeployOutlook(Stored):
    """What a person is asked to allow.

    Attributes:
        version: the version whose migrations are pending.
        names: the pending migrations, oldest first; empty if nothing is pending.
        unreachable_after: versions deployed before that a rollback will no longer reach.
        operation: id of the post-deploy operation that is open: what is left of it is to be gone on with.
    """

    version: str
    names: tuple[str, ...]
    unreachable_after: tuple[str, ...]
    operation: str = ""


def outlook_of(record: Record) -> PostDeployOutlook:
    """Say from the record what is pending, and what running it burns."""
    holder = record.open_operation
    return PostDeployOutlook(
        version=record.deployed_version,
        names=record.pending.names if record.pending else (),
        unreachable_after=reachable_versions(record) if record.pending else (),
        operation=holder.details.id if holder and holder.details.kind is OperationKind.POST_DEPLOY else "",
    )


async def post_deploy_outlook(session: Session) -> PostDeployOutlook:
    """Read from the journal what is pending, and what running it burns."""
    return outlook_of(await session.journal.read())


async def run_post_deploy(
    session: Session, request: DeployRequest, driver: Driver, *, stay_s: float = math.inf
) -> TaskResult:
    """Run what is pending as the first task of a post-deploy operation, which the last of its tasks closes.

    Args:
        session: the environment.
        request: as for :func:`open_post_deploy`.
        driver: this process.
        stay_s: seconds to stay for migrations that run.

    Returns:
        The operation, for the checks that may follow; none if nothing is pending, as the summary says then.

    Raises:
        ConfigError, LeaseHeld, Refused, CheckFailed, SourceUnavailable: as for :func:`open_post_deploy`.
        CheckFailed: not every host runs that version and is well.
        MigrationFailed: the operation stays open; a person must look.
        JobGoesOn: as :func:`takeoff.engine.tasks.run_task`.
    """
    if not (operation_id := await open_post_deploy(session, request, driver)):
        return TaskResult(summary=await _nothing_pending(session))
    result = await run_task(session, operation_id, POST_DEPLOY_TASK, driver, stay_s=stay_s)
    return result.model_copy(update={"operation": operation_id})


async def carry_out_post_deploy(session: Session, request: DeployRequest, watcher: Watcher) -> str:
    """Run what is pending and the checks that the file chooses, or go on at the open operation's first unfinished task.

    Args:
        session: the environment.
        request: as for :func:`open_post_deploy`.
        watcher: is told of every task.

    Returns:
        How it ended, in a sentence.

    Raises:
        TakeoffError: as for :func:`open_post_deploy`; or a task failed: the operation stays open, and the same command
            goes on there.
    """
    if not (operation_id := await open_post_deploy(session, request, new_driver(POST_DEPLOY, request.by))):
        return await _nothing_pending(session)
    tasks = post_deploy_tasks(session.environment)
    # With every task done, but not the operation, the file has been changed meanwhile: its last task closes it.
    left = unfinished(tasks, (await session.journal.read()).operations[operation_id]) or tasks[-1:]
    for task in tasks:
        if task in left:
            await carry_out(session, operation_id, task, request.by, watcher)
        else:
            watcher.skipped(task)
    done = (await session.journal.read()).operations[operation_id]
    return done.tasks[POST_DEPLOY].text


async def open_post_deploy(session: Session, request: DeployRequest, driver: Driver) -> str:
    """Open a post-deploy operation, or find the open one of that version.

    What its checks need is looked at before it opens: migrations that could not be judged in the end must not begin.

    Args:
        session: the environment.
        request: its ``version`` must be the deployed one in full; an empty one means that.
        driver: this process.

    Returns:
        Its id; empty if nothing is pending: nothing was opened.

    Raises:
        ConfigError: a skip names no gate, or has no reason; or a connection of the checks is missing.
        LeaseHeld: another operation is open.
        Refused: a host is left behind, deploys are held, or a newer version is deployed (``superseded``).
        CheckFailed: alerts are to be checked, and their heartbeat does not fire.
        SourceUnavailable: GitLab or Alertmanager, which the checks need, gives no answer.
    """
    check_skips(request.skips)
    environment = session.environment
    record = await known_record(session, f"run post-deploy migrations of {environment.name}")
    version = request.version or record.deployed_version
    holder = record.open_operation
    if holder is not None and (holder.details.kind, holder.details.version) == (OperationKind.POST_DEPLOY, version):
        return holder.details.id
    if version == record.deployed_version and record.pending is None:
        return ""

    def check(now: Record) -> None:
        findings = post_deploy_findings(now, environment, version, session.clock.now())
        if any(finding.gate == "superseded" for finding in findings):
            raise Superseded(findings[0].sentence())
        refuse(with_skips(findings, request.skips), f"run the post-deploy migrations of {version}")

    check(record)
    checks = environment.post_deploy_checks
    if checks.qa:
        await look_at_qa(session)
    baseline = await pinned_alerts(session, request.skips) if checks.alerts else ()
    draft = draft_of(session, request, OperationKind.POST_DEPLOY, version, request.skips, alerts_before=baseline)
    part = OperationPart.of(session, await session.leases.open(draft, driver, check=check))
    await tell_overridden(part, request.skips)
    return part.operation.id


async def _nothing_pending(session: Session) -> str:
    return f"no post-deploy migrations of {(await session.journal.read()).deployed_version} are pending"
