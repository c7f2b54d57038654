"""Opening a deploy: the lease and the operation in one step, everything pinned, every host told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from takeoff.core.errors import Superseded
from takeoff.core.gates import check_skips, refuse, with_skips
from takeoff.core.operation import Driver, Lease, OperationKind, Outcome
from takeoff.core.plan import make_plan
from takeoff.core.plan_mark import check_mark, plan_mark, refuse_changed
from takeoff.core.record import OperationRecord, Record
from takeoff.core.record_gates import opening_findings
from takeoff.engine.alerts import pinned_alerts
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.packages import find_version
from takeoff.engine.requested import draft_of, tell_overridden
from takeoff.engine.session import Session
from takeoff.fleet.host_preflight import look_at_hosts


@dataclass(frozen=True)
class DeployRequest:
    """A deploy that is wanted.

    Attributes:
        version: as a person typed it, or in full.
        by: who asked: Airflow user, chat user, ``user@machine``, or ``schedule``.
        reason: why, in their words.
        automatic: nobody asked: the schedule or an event did.
        run: ``<dag id>/<run id>``; empty for the command line.
        run_url: where to look at that run.
        skips: gate → reason.
        plan: hash of the plan that it is held to, as ``takeoff plan`` prints it; empty if to none.
    """

    version: str
    by: str
    reason: str = ""
    automatic: bool = False
    run: str = ""
    run_url: str = ""
    skips: Mapping[str, str] = field(default_factory=dict)
    plan: str = ""


async def open_deploy(session: Session, request: DeployRequest, driver: Driver) -> Lease:
    """Take the lease and open the operation in one step, the hold looked at again in it; tell all hosts the epoch.

    Safe to run again: while the operation that this request's ``run`` opened is open, its driver is renewed and it is
    returned; once it has ended well and none came after it, it is returned as it was.

    Returns:
        The lease; ``lease.operation.id`` is what the later tasks are given.

    Raises:
        ConfigError: a skip names no gate, or has no reason.
        LeaseHeld: another operation is open.
        Refused: held, rejected or left behind meanwhile (``refused.name in WAITING`` tells the quiet ones), or no
            longer as planned.
        Superseded: the operation of this run is closed.
    """
    check_skips(request.skips)
    check_mark(request.plan)
    record = await session.journal.read()
    if (mine := operation_of_run(record, request.run, OperationKind.DEPLOY)) is not None:
        return await opened_before(session, record, mine, driver)
    found = await find_version(session, request.version)
    version = found.version.text
    looked = await look_at_hosts(session.fleet, version=version, left_behind=tuple(record.left_behind))
    draft = draft_of(
        session,
        request,
        OperationKind.DEPLOY,
        version,
        request.skips,
        artifacts=found.artifacts,
        versions_before=looked.installed,
        alerts_before=await pinned_alerts(session, request.skips),
        plan=request.plan,
    )
    plan = make_plan(session.environment, version, looked.installed)

    def check(now: Record) -> None:
        if request.plan:
            mark = plan_mark(plan, session.environment, session.environment_sha256, now)
            refuse_changed(request.plan, mark, plan)
        findings = opening_findings(now, session.environment, version, session.clock.now())
        refuse(with_skips(findings, request.skips), f"deploy {version} to {session.environment.name}")

    part = OperationPart.of(session, await session.leases.open(draft, driver, check=check))
    await tell_overridden(part, request.skips)
    await part.announce()
    return part.lease


def operation_of_run(record: Record, run: str, kind: OperationKind) -> OperationRecord | None:
    """Find the operation of a kind that an Airflow run opened, the newest if several; None before it opened one."""
    mine = [one for one in record.operations.values() if run and (one.details.run, one.details.kind) == (run, kind)]
    return mine[-1] if mine else None


async def opened_before(session: Session, record: Record, mine: OperationRecord, driver: Driver) -> Lease:
    """Go on with an operation that an earlier try of the same run opened; it is never opened again.

    Raises:
        Superseded: it is closed, and something came after it or it did not end well.
    """
    details = mine.details
    if mine.outcome is None:
        part = await OperationPart.join(session, details.id, driver)
        await part.announce()
        return part.lease
    if mine.outcome is Outcome.SUCCEEDED and details.id == next(reversed(record.operations)):
        return Lease(operation=details, driver=mine.driver, epoch=mine.epoch, authority=record.authority)
    newest = record.operations[next(reversed(record.operations))].details
    after = "" if newest.id == details.id else f"; {newest.id} ({newest.kind.value} of {newest.version}) came after it"
    raise Superseded(
        f"operation {details.id} of this run is over ({mine.outcome.value}){after}: it is never opened again, start a "
        "new run"
    )
