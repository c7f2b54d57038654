"""Outstanding critical alerts: the baseline before an operation, and the bake after a stage.

:func:`begin_alerts` and :func:`settle_alerts` are the two ends of a wait in which no process is needed;
:func:`check_alerts` is both, with the wait between them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from takeoff.clients.alertmanager import Alertmanager
from takeoff.core.alerts import AlertsSeen, stage_matchers
from takeoff.core.check_settings import AlertSettings
from takeoff.core.environment import Environment
from takeoff.core.errors import CheckFailed, ConfigError, TakeoffError
from takeoff.core.gates import ALERTS
from takeoff.core.operation import Driver, OperationKind
from takeoff.core.strict_model import format_duration
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.checks import Check, joined_check
from takeoff.engine.credentials import Credentials, endpoint_access
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.engine.tasks import ended_well
from takeoff.fleet.protocols import Clock


def alert_settings(environment: Environment) -> AlertSettings:
    """The environment's alert settings.

    Raises:
        ConfigError: it has none (any more).
    """
    if environment.alerts is None:
        raise ConfigError(
            f"environment {environment.name} has no `alerts` any more: clear this run's tasks after it only"
        )
    return environment.alerts


def alertmanager(environment: Environment, credentials: Credentials) -> Alertmanager:
    """Reach the environment's Alertmanager.

    Raises:
        ConfigError: no alerts, or no connection.
    """
    access = endpoint_access(credentials, alert_settings(environment), "alerts")
    return Alertmanager(access.base_url, access.session)


async def alerts_before(session: Session) -> tuple[str, ...]:
    """Take the baseline: fingerprints of what fires now, over all stages; none if the environment has no alerts.

    Raises:
        CheckFailed: the heartbeat does not fire: a deploy would end in alerts that mean nothing.
        SourceUnavailable: Alertmanager gives no answer.
        SourceUntrusted: its answer is no list of alerts.
        ConfigError: it refuses a matcher or the login, or the connection is missing.
    """
    if session.environment.alerts is None:
        return ()
    found: set[str] = set()
    for stage in session.environment.stages:
        seen = await _look(session, stage.name, ())
        if not seen.heartbeat:
            raise CheckFailed(f"alerts: {seen.sentence}; repair it, then try again")
        found |= {alert.fingerprint for alert in seen.new}
    return tuple(sorted(found))


async def pinned_alerts(session: Session, skips: Mapping[str, str]) -> tuple[str, ...]:
    """Take the baseline that an operation pins when it opens; none where a person passes the alerts' gate.

    Raises:
        CheckFailed, SourceUnavailable, SourceUntrusted, ConfigError: as for :func:`alerts_before`.
    """
    try:
        return await alerts_before(session)
    except CheckFailed:
        if ALERTS in skips:
            return ()
        raise


@dataclass(frozen=True)
class Bake:
    """A stage that is watched.

    Attributes:
        stage: its name.
        baseline: fingerprints of the alerts that fired before the operation.
        until: when the bake is over.
    """

    stage: str
    baseline: tuple[str, ...]
    until: datetime


async def begin_alerts(session: Session, operation_id: str, task: TaskSpec, driver: Driver) -> Bake | TaskResult:
    """Look at the alerts, and begin the stage's bake; a result if there is nothing to wait for.

    Raises:
        CheckFailed: there are new alerts, or the heartbeat does not fire.
        Superseded: the operation is closed, or another driver has taken over.
        SourceUnavailable: Alertmanager gives no answer.
        SourceUntrusted: its answer is no list of alerts.
        ConfigError: it refuses a matcher or the login, or the connection is missing.
    """
    if over := ended_well(await session.journal.read(), operation_id):
        return TaskResult(summary=over, journalled=True)
    async with joined_check(session, operation_id, task, driver, begin=True) as check:
        baseline = check.part.operation.alerts_before
        seen = await _look(session, check.stage, baseline)
        if not seen.good:
            raise _not_passed(check, seen.sentence)
        if check.part.operation.kind is OperationKind.ROLLBACK:
            # The version is known; who waits for the way back is not kept waiting for it to prove itself again.
            return await check.finish(f"{seen.sentence}; no bake after a rollback")
        bake = bake_time(session.environment, check.stage)
        session.progress.line(f"{seen.sentence}; stage {check.stage} bakes for {format_duration(bake)}")
        return Bake(check.stage, baseline, session.clock.now() + bake)


async def settle_alerts(
    session: Session, operation_id: str, task: TaskSpec, driver: Driver, *, until: datetime, seen: str = ""
) -> TaskResult | None:
    """Judge the stage by its alerts.

    Args:
        session: the environment.
        operation_id: which operation it belongs to.
        task: which check.
        driver: this process.
        until: when the bake is over.
        seen: what a look during the bake found wrong; empty if nothing.

    Returns:
        What was found; None if the bake is not over, so that there is more to wait for.

    Raises:
        CheckFailed, Superseded, SourceUnavailable, SourceUntrusted, ConfigError: as for :func:`begin_alerts`.
    """
    async with joined_check(session, operation_id, task, driver, begin=False) as check:
        if seen:
            raise _not_passed(check, seen)
        now = await _look(session, check.stage, check.part.operation.alerts_before)
        if not now.good:
            raise _not_passed(check, now.sentence)
        if session.clock.now() < until:
            return None
        return await check.finish(now.sentence)


async def check_alerts(session: Session, operation_id: str, task: TaskSpec, driver: Driver) -> TaskResult:
    """Let a stage bake, and judge it.

    Raises:
        CheckFailed, Superseded, SourceUnavailable, SourceUntrusted, ConfigError: as for :func:`begin_alerts`.
    """
    bake = await begin_alerts(session, operation_id, task, driver)
    if isinstance(bake, TaskResult):
        return bake
    settings = alert_settings(session.environment)
    asked = alertmanager(session.environment, session.credentials)
    while True:
        seen = await until_baked(asked, settings, bake, session.clock)
        result = await settle_alerts(session, operation_id, task, driver, until=bake.until, seen=seen)
        if result is not None:
            return result


async def until_baked(asked: Alertmanager, settings: AlertSettings, bake: Bake, clock: Clock) -> str:
    """Wait until it is worth a look: the bake is over, something is wrong, or Alertmanager does not answer well.

    It judges nothing and raises nothing: :func:`settle_alerts` looks itself.

    Args:
        asked: the Alertmanager.
        settings: what is asked, how often.
        bake: which stage, until when.
        clock: time.

    Returns:
        What a look found wrong; empty if nothing.
    """
    matchers = stage_matchers(settings.matchers, bake.stage)
    while (left := bake.until - clock.now()) > timedelta():
        await clock.sleep(min(settings.poll, left).total_seconds())
        try:
            seen = await asyncio.to_thread(asked.look, matchers, settings.heartbeat, bake.baseline)
        except TakeoffError:
            return ""
        if not seen.good:
            return seen.sentence
    return ""


def bake_time(environment: Environment, stage: str) -> timedelta:
    """How long a stage must stay without new alerts."""
    own = environment.stage(stage).checks.bake
    return alert_settings(environment).bake if own is None else own


async def _look(session: Session, stage: str, baseline: tuple[str, ...]) -> AlertsSeen:
    settings = alert_settings(session.environment)
    asked = alertmanager(session.environment, session.credentials)
    return await asyncio.to_thread(
        asked.look, stage_matchers(settings.matchers, stage), settings.heartbeat, frozenset(baseline)
    )


def _not_passed(check: Check, sentence: str) -> CheckFailed:
    return CheckFailed(f"alerts of stage {check.stage}: {sentence}; repair it, then clear this task to bake again")
