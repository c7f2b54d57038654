"""A rollback: verdict, pause, the takeover of whatever is open, then the fleet moved back role by role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from takeoff.core.environment import Environment
from takeoff.core.errors import TakeoffError
from takeoff.core.gates import ALERTS
from takeoff.core.journal_entries import TaskFinished, TaskStarted
from takeoff.core.operation import Driver, Lease, OperationKind, Outcome
from takeoff.core.record import OperationRecord, Record
from takeoff.core.rollback_force import check_force, forced_in, with_force
from takeoff.core.task_ids import STOP_DEPLOY, TaskKind, TaskSpec, rollback_tasks
from takeoff.core.verdict import rollback_verdict
from takeoff.engine.alerts import alerts_before
from takeoff.engine.carrying_out import Watcher, carry_out, unfinished
from takeoff.engine.drivers import new_driver
from takeoff.engine.holds import pause
from takeoff.engine.journal_entry import known_record
from takeoff.engine.opening import opened_before, operation_of_run
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.quiet_hosts import take_out_unfenced, wait_until_quiet
from takeoff.engine.requested import draft_of, tell_overridden
from takeoff.engine.rollback_verdict import Judged, RollbackRequest, judge, refuse_rollback
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult

BEFORE_THE_FLEET = (TaskKind.VERDICT, TaskKind.PAUSE_DEPLOYS, TaskKind.STOP_DEPLOY)

EndRun = Callable[[OperationRecord], Awaitable[None]]
"""Ends the Airflow run of an operation that was taken over."""


async def leave_runs(taken: OperationRecord) -> None:
    """End no Airflow run: its tasks are refused by journal and hosts anyway."""


async def verdict_for(session: Session, request: RollbackRequest) -> Judged:
    """Give the verdict before anything is changed.

    Raises:
        ConfigError: no reason is given, or something is forced that cannot be.
        Refused: the rollback is not possible; names each refusal.
        AuthorityDoubtful: the journal cannot be trusted.
        VersionError, SourceUnavailable, HostUnreachable: as :func:`takeoff.engine.rollback_verdict.judge`.
    """
    request.check()
    check_force(request.force)
    own = own_operation(await known_record(session, f"roll {session.environment.name} back"), request)
    judged = await judge(session, request.version, force=request.force, own=own)
    judged.refuse()
    return judged


async def pause_deploys(session: Session, request: RollbackRequest, version: str) -> str:
    """Hold automatic deploys until a person resumes them; a hold without an end that stands is left as it is.

    A rollback that is over holds nothing any more: its task was cleared after the fact.
    """
    record = await _read(session)
    own = own_operation(record, request)
    if own and record.operations[own].outcome is not None:
        return f"{own} is over: nothing is paused for it"
    if record.hold is not None and record.hold.until is None:
        return f"deploys are paused already, by {record.hold.by}: {record.hold.reason}"
    hold = record.hold
    before = f" (paused before: {hold.reason})" if hold is not None and hold.active(session.clock.now()) else ""
    reason = f"rollback to {version}: {request.reason}{before}"
    await pause(session, by=request.by, reason=reason)
    return f"deploys are paused until `takeoff resume {session.environment.name}`: {reason}"


async def stop_deploy(
    session: Session, request: RollbackRequest, driver: Driver, end_run: EndRun = leave_runs
) -> tuple[Lease, TaskResult]:
    """Take the lease over, fence every host, end the former operation's run, wait until the hosts are quiet.

    The verdict is asked in the step that takes the lease, and once more when nothing moves any more. Safe to run
    again.

    Args:
        session: the environment.
        request: what is wanted.
        driver: this process.
        end_run: ends the Airflow run of what was taken over.

    Returns:
        The lease of the rollback, and what was done.

    Raises:
        ConfigError: no reason is given, or something is forced that cannot be.
        Refused: the rollback is not possible. After the takeover it stays open: another target may be chosen.
        Superseded: the rollback of this run is closed.
        CheckFailed: a host job of the former operation does not end.
    """
    request.check()
    check_force(request.force)
    record = await _read(session)
    own = own_operation(record, request)
    if own and record.operations[own].outcome is not None:
        lease = await opened_before(session, record, record.operations[own], driver)
        return lease, TaskResult(summary=f"{own} ended well: nothing is left to do", journalled=True)
    part = await OperationPart.join(session, own, driver) if own else await _take_over(session, request, driver)
    await part.tell(TaskStarted(task=STOP_DEPLOY))
    begun = session.clock.monotonic()
    unfenced = await part.announce()
    await take_out_unfenced(part, unfenced)
    taken = taken_over_by(await _read(session), part.operation.id)
    for one in taken[:1]:
        await end_run(one)
    quiet = await wait_until_quiet(part, unfenced)
    force = part.operation.skips | dict(request.force)
    judged = await judge(part.session, part.operation.version, force=force, own=part.operation.id)
    judged.refuse()
    newly = {name: why for name, why in forced_in(judged.verdict.refusals).items() if name not in part.operation.skips}
    await tell_overridden(part, newly)
    ended = f"ended {taken[0].details.id}, the {_named(taken[0])}" if taken else "nothing was open"
    missed = f"unfenced: {', '.join(unfenced)}" if unfenced else ""
    summary = "; ".join(filter(None, (ended, quiet, missed)))
    seconds = round(session.clock.monotonic() - begun, 1)
    await part.tell(TaskFinished(task=STOP_DEPLOY, seconds=seconds, summary=summary))
    return part.lease, TaskResult(summary=summary, journalled=True)


async def roll_back(session: Session, request: RollbackRequest, watcher: Watcher, end_run: EndRun = leave_runs) -> str:
    """Roll back, or go on with the open rollback to that version at its first unfinished task.

    Args:
        session: the environment.
        request: what is wanted.
        watcher: is told of every task.
        end_run: ends the Airflow run of what was taken over.

    Returns:
        Id of the operation.

    Raises:
        Refused: the verdict forbids it.
        TakeoffError: a task failed; the operation stays open, and the same command goes on there.
    """
    first, *tasks = _specs(session.environment)
    judged = await verdict_for(session, request)
    for finding in judged.verdict.refusals:
        session.progress.line(finding.sentence())
    target = judged.verdict.version
    session.progress.line(f"reachable: {session.environment.name} goes from {judged.verdict.from_version} to {target}")
    session.progress.line(await pause_deploys(session, request, target))
    watcher.begins(first, 0)
    lease, result = await stop_deploy(session, request, new_driver(STOP_DEPLOY, request.by), end_run)
    watcher.ended(first, result)
    operation_id = lease.operation.id
    left = unfinished(tasks, (await _read(session)).operations[operation_id])
    for task in tasks:
        if task in left:
            await carry_out(session, operation_id, task, request.by, watcher)
        else:
            watcher.skipped(task)
    return operation_id


def own_operation(record: Record, request: RollbackRequest) -> str:
    """Find the rollback that an earlier try opened, of the same run or, without one, the open one to that version."""
    if request.run:
        mine = operation_of_run(record, request.run, OperationKind.ROLLBACK)
        return mine.details.id if mine is not None else ""
    holder = record.open_operation
    if holder is None or holder.details.kind is not OperationKind.ROLLBACK:
        return ""
    same = holder.details.version == request.version or holder.details.version.startswith(f"{request.version}-")
    return holder.details.id if same else ""


def taken_over_by(record: Record, operation_id: str) -> list[OperationRecord]:
    """List the operations that ended by takeovers which led to this one, the last one first."""
    before = list(record.operations)[: list(record.operations).index(operation_id)]
    found = []
    for one in (record.operations[name] for name in reversed(before)):
        if one.outcome is not Outcome.TAKEN_OVER:
            break
        found.append(one)
    return found


async def _take_over(session: Session, request: RollbackRequest, driver: Driver) -> OperationPart:
    judged = await judge(session, request.version, force=request.force)
    judged.refuse()
    verdict = judged.verdict
    draft = draft_of(
        session,
        request,
        OperationKind.ROLLBACK,
        verdict.version,
        request.force,
        artifacts=judged.artifacts,
        versions_before=dict(judged.installed),
        alerts_before=await _baseline(session),
        restore_from=verdict.from_version,
    )

    def check(now: Record) -> None:
        again = rollback_verdict(now, session.environment, verdict.version, seen=judged.seen)
        refuse_rollback(with_force(again, request.force))

    lease = await session.leases.open(draft, driver, check=check, takes_over=verdict.ends or None)
    part = OperationPart.of(session, lease)
    await tell_overridden(part, forced_in(verdict.refusals))
    return part


def _named(one: OperationRecord) -> str:
    return f"{one.details.kind.value} of {one.details.version}"


async def _baseline(session: Session) -> tuple[str, ...]:
    """Name the alerts that fire now: what the version that is left has set off is not held against the way back."""
    try:
        return await alerts_before(session)
    except TakeoffError as error:
        # The way back must not depend on Alertmanager; the alerts after it are judged all the same.
        session.progress.line(f"{ALERTS}: {error}; the rollback goes on without a baseline")
        return ()


def _specs(environment: Environment) -> tuple[TaskSpec, ...]:
    """The tasks from the takeover on."""
    return tuple(
        task
        for task in rollback_tasks(environment)
        if task.kind not in BEFORE_THE_FLEET or task.kind is TaskKind.STOP_DEPLOY
    )


async def _read(session: Session) -> Record:
    return await session.journal.read()
