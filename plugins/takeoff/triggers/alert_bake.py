"""Watches the alerts in the triggerer while a stage bakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from takeoff.triggers.settling import settle


class AlertBakeTrigger(BaseTrigger):
    """Fires once: when the bake is over, or with what is wrong as soon as something is.

    Args:
        environment: name of the environment, whose file says what is asked.
        stage: the stage that bakes.
        baseline: fingerprints of the alerts that fired before.
        until: POSIX time at which the bake is over.
    """

    def __init__(self, *, environment: str, stage: str, baseline: Sequence[str], until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.environment = environment
        self.stage = stage
        self.baseline = list(baseline)
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Say how another triggerer goes on with it."""
        names = ("environment", "stage", "baseline", "until")
        return f"{__name__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch."""
        from takeoff.clients.alertmanager import Alertmanager
        from takeoff.core.errors import TakeoffError
        from takeoff.engine.alerts import Bake, alert_settings, until_baked
        from takeoff.environment_files import load_environment
        from takeoff.fleet.clock import SystemClock
        from takeoff.operators.credentials import awaited_http_access

        await settle()
        seen = ""
        try:
            settings = alert_settings(load_environment(self.environment).environment)
            access = await awaited_http_access(settings.connection, settings.url, "alerts.connection")
            bake = Bake(self.stage, tuple(self.baseline), datetime.fromtimestamp(self.until, UTC))
            seen = await until_baked(Alertmanager(access.base_url, access.session), settings, bake, SystemClock())
        except TakeoffError as error:
            # The task meets the same when it looks, and tells it.
            self.log.warning("Watching the alerts of stage %s ends: %s", self.stage, error)
        yield TriggerEvent(seen)  # type: ignore[no-untyped-call]
