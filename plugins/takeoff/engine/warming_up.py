"""A warmup alone: a package is downloaded and verified on every host ahead of its deploy; nothing is installed."""

from __future__ import annotations

from takeoff.core.errors import Halted, Superseded, TakeoffError
from takeoff.core.gates import refuse
from takeoff.core.operation import Lease, OperationKind, Outcome
from takeoff.core.record import Record
from takeoff.core.record_gates import unadopted
from takeoff.core.task_ids import WARMUP, TaskKind, TaskSpec
from takeoff.engine.drivers import new_driver
from takeoff.engine.opening import DeployRequest
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.packages import find_version
from takeoff.engine.requested import draft_of
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.engine.tasks import run_task

TASK = TaskSpec(WARMUP, TaskKind.WARMUP)


async def warm_up_alone(session: Session, request: DeployRequest) -> TaskResult:
    """Warm up every host for a version, as an operation of its own, or go on with the warmup that is open.

    No gate is asked but the lease, because nothing that serves changes: a pause, a freeze or a rejected version does
    not matter. However it ends, it gives the lease back; killed, the same command goes on with it.

    Returns:
        What became of the hosts.

    Raises:
        VersionError: no source holds the version.
        LeaseHeld: another operation is open.
        Refused: the environment is not adopted.
        BudgetSpent: on some host it cannot be had; the others keep what they have.
        Superseded: another driver has taken over.
        Halted: whoever runs this left it; the downloads go on, and the lease is kept.
    """
    found = await find_version(session, request.version)
    version = found.version.text
    lease = await _joined(session, request, version)
    if lease is None:
        draft = draft_of(session, request, OperationKind.WARMUP, version, {}, artifacts=found.artifacts)

        def check(now: Record) -> None:
            refuse([] if now.authority else [unadopted(session.environment)], f"warm up {session.environment.name}")

        lease = await session.leases.open(draft, new_driver(WARMUP, request.by), check=check)
    part = OperationPart.of(session, lease)
    await part.announce()
    try:
        result = await run_task(session, part.operation.id, TASK, new_driver(WARMUP, request.by))
    except (Superseded, Halted):
        raise
    except TakeoffError as error:
        await _close(session, part, request, Outcome.NOTHING_CHANGED, error)
        raise
    await _close(session, part, request, Outcome.SUCCEEDED)
    return result


async def _joined(session: Session, request: DeployRequest, version: str) -> Lease | None:
    """Become the driver of the open warmup of that version; ``None`` if there is none."""
    holder = (await session.journal.read()).open_operation
    if holder is None or (holder.details.kind, holder.details.version) != (OperationKind.WARMUP, version):
        return None
    return await session.leases.drive(holder.details.id, new_driver(WARMUP, request.by))


async def _close(
    session: Session, part: OperationPart, request: DeployRequest, outcome: Outcome, error: TakeoffError | None = None
) -> None:
    """Give the lease back; where the journal cannot be told after an error, the error says so."""
    try:
        lease = await session.leases.drive(part.operation.id, new_driver(WARMUP, request.by))
        await session.leases.close(lease, outcome, by=request.by)
    except TakeoffError as silence:
        if error is None:
            raise
        error.add_note(f"the lease could not be given back: {silence}")
