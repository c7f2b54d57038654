"""One action on an environment, and the sentence that says what came of it."""

from __future__ import annotations

from takeoff.core.control_action import ControlAction
from takeoff.core.errors import ConfigError
from takeoff.core.strict_model import parse_duration
from takeoff.core.verdict import reachable_versions
from takeoff.engine.holds import parse_stop_after, pause, resume, told_pause
from takeoff.engine.opening import DeployRequest
from takeoff.engine.packages import look_for_packages
from takeoff.engine.preflight import preflight
from takeoff.engine.release import release_lease
from takeoff.engine.rollback_verdict import judge
from takeoff.engine.session import Session
from takeoff.engine.warming_up import warm_up_alone


async def control(
    session: Session,
    action: ControlAction,
    *,
    by: str,
    reason: str = "",
    lasting: str = "",
    stop_after: str = "",
    version: str = "",
    run: str = "",
    run_url: str = "",
) -> str:
    """Carry an action out.

    Args:
        session: the environment.
        action: what.
        by: who asked.
        reason: why, in their words.
        lasting: how long a pause holds: ``2h``; for ever if empty.
        stop_after: ``host`` or ``batch``: a pause stops the open operation too, once these are finished.
        version: of a warmup or a preflight, or the target of a rollback check.
        run: ``<dag id>/<run id>`` of the run that carries it out; empty for the command line.
        run_url: where to look at that run.

    Returns:
        What came of it, for people.

    Raises:
        ConfigError: a reason is missing, ``lasting`` or ``stop_after`` cannot be read, or a warmup or preflight has no
            version.
        VersionError: no source holds the version.
        SourceUnavailable: no package source answers.
        Refused: it is not possible now.
    """
    name = session.environment.name
    match action:
        case ControlAction.PAUSE:
            return await _pause(session, by, reason, lasting, stop_after)
        case ControlAction.RESUME:
            held = (await session.journal.read()).hold is not None
            await resume(session, by=by, reason=reason)
            return f"deploys of {name} go on" if held else f"deploys of {name} were not paused"
        case ControlAction.RELEASE_LEASE:
            record = await release_lease(session, by=by, reason=reason)
            return f"released {next(reversed(record.operations))}; the fleet may be mixed"
        case ControlAction.ROLLBACK_CHECK:
            return await _check(session, version)
        case ControlAction.PACKAGES:
            return await _packages(session)
        case ControlAction.WARMUP:
            request = DeployRequest(version=version, by=by, reason=reason, run=run, run_url=run_url)
            return await _warm_up(session, request)
        case ControlAction.PREFLIGHT:
            return await _preflight(session, DeployRequest(version=version, by=by, reason=reason))
        case ControlAction.LOOK:
            return f"looked at {name}"


async def _pause(session: Session, by: str, reason: str, lasting: str, stop_after: str) -> str:
    try:
        duration = parse_duration(lasting) if lasting else None
    except ValueError as error:
        raise ConfigError(f"for: {error}") from None
    after = parse_stop_after("stop_after", stop_after)
    record = await pause(session, by=by, reason=reason, lasting=duration, stop_after=after)
    return "; ".join(told_pause(session.environment.name, record))


async def _check(session: Session, version: str) -> str:
    targets = reachable_versions(await session.journal.read())
    reaches = f"a rollback reaches {', '.join(targets)}" if targets else "no rollback is possible"
    if not version:
        return reaches
    verdict = (await judge(session, version)).verdict
    told = "; ".join(finding.sentence() for finding in verdict.refusals)
    state = "can be reached" if verdict.reachable else "can NOT be reached"
    return f"{verdict.version} {state} from {verdict.from_version}{': ' + told if told else ''}"


async def _packages(session: Session) -> str:
    record = await session.journal.read()
    report = await look_for_packages(session, deployed=record.deployed_version, rejected=record.rejected)
    return "\n".join(report.lines())


async def _warm_up(session: Session, request: DeployRequest) -> str:
    if not request.version:
        raise ConfigError("a warmup needs a version")
    result = await warm_up_alone(session, request)
    return f"{session.environment.name} is warm for {request.version}, nothing was installed: {result.summary}"


async def _preflight(session: Session, request: DeployRequest) -> str:
    if not request.version:
        raise ConfigError("a preflight needs a version")
    found = await preflight(session, request)
    return "\n".join((found.sentence, *(f"{one.weight.value}: {one.sentence()}" for one in found.findings)))
