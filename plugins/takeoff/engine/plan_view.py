"""A plan made on what the hosts have now, and for a rollback with its verdict."""

from __future__ import annotations

from typing import Literal

from takeoff.core.estimate import Estimate, estimate
from takeoff.core.operation import Stored
from takeoff.core.plan import Plan, make_plan
from takeoff.core.plan_mark import plan_mark
from takeoff.core.record import Record
from takeoff.core.verdict import Verdict
from takeoff.engine.packages import find_version
from takeoff.engine.rollback_verdict import judge
from takeoff.engine.session import Session
from takeoff.fleet.host_preflight import look_at_hosts


class PlanView(Stored):
    """What ``takeoff plan --json`` prints.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        plan: what would be done.
        digest: hash of the plan and all that it was made on; ``takeoff deploy --plan`` takes it.
        estimate: how long it may take, from the journal's history.
        verdict: for a rollback, whether it is reachable; ``None`` for a deploy.
        silent: hosts that gave no answer, whose version is therefore unknown.
    """

    schema_version: Literal[1] = 1
    plan: Plan
    digest: str
    estimate: Estimate = Estimate()
    verdict: Verdict | None = None
    silent: tuple[str, ...] = ()


async def view_plan(session: Session, version: str, *, rollback: bool = False) -> PlanView:
    """Plan a deploy or a rollback on what the hosts have now; change nothing.

    Args:
        session: the environment.
        version: as a person typed it.
        rollback: whether it is a rollback.

    Raises:
        VersionError: no source holds that version.
        SourceUnavailable: no package source answers.
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
    """
    if rollback:
        judged = await judge(session, version)
        return await _view(session, judged.plan, judged.record, judged.silent, judged.verdict)
    record = await session.journal.read()
    found = await find_version(session, version)
    report = await look_at_hosts(session.fleet, version=found.version.text, left_behind=tuple(record.left_behind))
    plan = make_plan(session.environment, found.version.text, report.installed)
    silent = tuple(host for host in session.environment.fleet if host not in report.looked_at)
    return await _view(session, plan, record, silent)


async def _view(
    session: Session, plan: Plan, record: Record, silent: tuple[str, ...], verdict: Verdict | None = None
) -> PlanView:
    return PlanView(
        plan=plan,
        digest=plan_mark(plan, session.environment, session.environment_sha256, record),
        estimate=estimate(plan, await session.journal.entries()),
        verdict=verdict,
        silent=silent,
    )
