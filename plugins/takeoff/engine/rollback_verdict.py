"""The verdict on a rollback: what the journal, the package sources and the hosts say about it; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from takeoff.core.errors import ConfigError, VersionError
from takeoff.core.gates import Finding, refuse
from takeoff.core.operation import Artifact
from takeoff.core.plan import Plan, make_plan, mixes_of
from takeoff.core.record import Record
from takeoff.core.rollback_force import with_force
from takeoff.core.rollback_refusals import MIGRATING, PACKAGE, ROOM, SKEW
from takeoff.core.verdict import Verdict, rollback_verdict
from takeoff.core.version_completion import complete
from takeoff.core.versions import PackageVersion
from takeoff.engine.packages import find_version
from takeoff.engine.session import Session
from takeoff.fleet.host_facts import read_facts
from takeoff.fleet.host_preflight import look_at_hosts
from takeoff.fleet.migrations import POST_DEPLOY as POST_DEPLOY_JOB


@dataclass(frozen=True)
class RollbackRequest:
    """A rollback that is wanted.

    Attributes:
        version: as a person typed it, or in full.
        by: who asked: Airflow user, chat user, ``user@machine``.
        reason: why, in their words.
        run: ``<dag id>/<run id>``; empty for the command line.
        run_url: where to look at that run.
        force: refusal → reason.
    """

    version: str
    by: str
    reason: str
    run: str = ""
    run_url: str = ""
    force: Mapping[str, str] = field(default_factory=dict)

    @property
    def automatic(self) -> bool:
        """Never: a rollback is what a person decides."""
        return False

    def check(self) -> None:
        """Look whether it says why.

        Raises:
            ConfigError: it does not.
        """
        if not self.reason.strip():
            raise ConfigError("a rollback needs a reason: the version that is left is rejected with it")


@dataclass(frozen=True)
class Judged:
    """A verdict and what it was made on.

    Attributes:
        verdict: with what was forced passed.
        record: the journal's.
        artifacts: builds of the target; empty if no source holds it.
        installed: host → version.
        seen: what hosts and sources said, before anything was forced.
        plan: what would be done.
        silent: hosts that gave no answer.
    """

    verdict: Verdict
    record: Record
    artifacts: tuple[Artifact, ...]
    installed: Mapping[str, str]
    seen: tuple[Finding, ...]
    plan: Plan
    silent: tuple[str, ...]

    def refuse(self) -> None:
        """Refuse what the verdict forbids.

        Raises:
            Refused: named after what forbids it, with all that does.
        """
        refuse_rollback(self.verdict)


def refuse_rollback(verdict: Verdict) -> None:
    """Refuse what a verdict forbids; see :meth:`Judged.refuse`."""
    refuse(verdict.refusals, f"roll {verdict.environment} back to {verdict.version}")


async def judge(session: Session, version: str, *, force: Mapping[str, str] | None = None, own: str = "") -> Judged:
    """Judge a rollback by the journal, the sources and the hosts as they are now.

    Args:
        session: the environment.
        version: the target, as a person typed it.
        force: refusal → reason.
        own: id of the rollback itself, once it is open.

    Raises:
        VersionError: it means no version that ever ran here or that a source holds.
        SourceUnavailable: no package source answers.
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
    """
    record = await session.journal.read()
    target, artifacts, missing = await _find(session, record, version)
    report = await look_at_hosts(session.fleet, version=target, left_behind=tuple(record.left_behind))
    plan = make_plan(session.environment, target, report.installed, rollback=True)
    seen = (*missing, *await _migrating(session), *_forbidden_by(session, plan))
    verdict = rollback_verdict(record, session.environment, target, own=own, seen=seen)
    return Judged(
        verdict=with_force(verdict, force or {}),
        record=record,
        artifacts=artifacts,
        installed=report.installed,
        seen=seen,
        plan=plan,
        silent=tuple(host for host in session.environment.fleet if host not in report.looked_at),
    )


async def _find(session: Session, record: Record, typed: str) -> tuple[str, tuple[Artifact, ...], tuple[Finding, ...]]:
    """Complete what was typed, first among the versions that ran here, and find its builds."""
    ran = _completed(typed, (deployed.version for deployed in record.deployed))
    try:
        found = await find_version(session, ran or typed)
    except VersionError as error:
        if not ran:
            raise
        lifts = "publish it there again"
        return ran, (), (Finding(gate=PACKAGE, message=f"no package source holds it any more: {error}", lifts=lifts),)
    return found.version.text, found.artifacts, ()


def _completed(typed: str, versions: Iterable[str]) -> str:
    known = set()
    for text in versions:
        try:
            known.add(PackageVersion.parse(text))
        except VersionError:
            continue
    try:
        return complete(typed, known).text
    except VersionError:
        return ""


async def _migrating(session: Session) -> tuple[Finding, ...]:
    """Look for a post-deploy migration that still runs, whatever the journal says of whoever started it."""
    node = session.environment.deploy_node.name
    facts = await read_facts(session.fleet.script, node)
    return tuple(
        Finding(
            gate=MIGRATING,
            message=f"post-deploy migrations of {job.partition('/')[0]} run, which are never abandoned",
            lifts="wait until they have ended",
            host=node,
        )
        for job in facts.running_jobs
        if job.endswith(f"/{POST_DEPLOY_JOB}")
    )


def _forbidden_by(session: Session, plan: Plan) -> tuple[Finding, ...]:
    mixes = [str(mix) for mix in mixes_of(session.environment, plan.version, plan.installed, plan.rollouts)]
    order = "correct rollback_order in the environment file; to a newer version, deploy instead"
    return (
        *(Finding(gate=SKEW, message=f"forbidden mix of versions: {mix}", lifts=order) for mix in mixes),
        *(Finding(gate=ROOM, message=problem) for problem in plan.problems if problem not in mixes),
    )
