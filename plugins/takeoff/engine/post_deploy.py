"""Post-deploy migrations as an operation of their own: a point of no return, only after a person's yes."""

from __future__ import annotations

import math

from takeoff.core.errors import Superseded
from takeoff.core.gates import check_skips, refuse, with_skips
from takeoff.core.operation import Driver, OperationKind, Stored
from takeoff.core.record import Record
from takeoff.core.record_gates import post_deploy_findings
from takeoff.core.task_ids import POST_DEPLOY, TaskKind, TaskSpec
from takeoff.core.verdict import reachable_versions
from takeoff.engine.journal_entry import known_record
from takeoff.engine.opening import DeployRequest
from takeoff.engine.operation_part import OperationPart
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
    """

    version: str
    names: tuple[str, ...]
    unreachable_after: tuple[str, ...]


def outlook_of(record: Record) -> PostDeployOutlook:
    """Say from the record what is pending, and what running it burns."""
    return PostDeployOutlook(
        version=record.deployed_version,
        names=record.pending.names if record.pending else (),
        unreachable_after=reachable_versions(record) if record.pending else (),
    )


async def post_deploy_outlook(session: Session) -> PostDeployOutlook:
    """Read from the journal what is pending, and what running it burns."""
    return outlook_of(await session.journal.read())


async def run_post_deploy(
    session: Session, request: DeployRequest, driver: Driver, *, stay_s: float = math.inf
) -> TaskResult:
    """Open a post-deploy operation, or go on with the open one of that version; run what is pending; close it.

    Args:
        session: the environment.
        request: its ``version`` must be the deployed one in full; an empty one means that.
        driver: this process.
        stay_s: seconds to stay for migrations that run.

    Returns:
        That nothing is pending, in its summary, if so: nothing was opened.

    Raises:
        ConfigError: a skip names no gate, or has no reason.
        LeaseHeld: another operation is open.
        Refused: a host is left behind, deploys are held, or a newer version is deployed (``superseded``).
        CheckFailed: not every host runs that version and is well.
        MigrationFailed: the operation stays open; a person must look.
        JobGoesOn: as :func:`takeoff.engine.tasks.run_task`.
    """
    check_skips(request.skips)
    record = await known_record(session, f"run post-deploy migrations of {session.environment.name}")
    version = request.version or record.deployed_version
    holder = record.open_operation
    if holder is not None and (holder.details.kind, holder.details.version) == (OperationKind.POST_DEPLOY, version):
        return await run_task(session, holder.details.id, POST_DEPLOY_TASK, driver, stay_s=stay_s)
    if version == record.deployed_version and record.pending is None:
        return TaskResult(summary=f"no post-deploy migrations of {version} are pending")

    def check(now: Record) -> None:
        findings = post_deploy_findings(now, session.environment, version, session.clock.now())
        if any(finding.gate == "superseded" for finding in findings):
            raise Superseded(findings[0].sentence())
        refuse(with_skips(findings, request.skips), f"run the post-deploy migrations of {version}")

    draft = draft_of(session, request, OperationKind.POST_DEPLOY, version, request.skips)
    part = OperationPart.of(session, await session.leases.open(draft, driver, check=check))
    await tell_overridden(part, request.skips)
    return await run_task(session, part.operation.id, POST_DEPLOY_TASK, driver, stay_s=stay_s)
