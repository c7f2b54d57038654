"""Lets a stage bake under the eyes of Alertmanager: no worker and no slot is taken meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from takeoff.operators.airflow_run import AirflowRun, checked_operation
from takeoff.operators.engine_operator import EngineOperator
from takeoff.triggers.alert_bake import AlertBakeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.alerts import Bake
    from takeoff.engine.session import Session
    from takeoff.engine.task_result import TaskResult


class AlertsSensor(EngineOperator):
    """Passes a stage that stays without new critical alerts for its bake time, the heartbeat firing."""

    def execute(self, context: Context) -> None:
        """Look once, then bake."""
        run, operation_id = AirflowRun.of(context), checked_operation(context, self.spec)

        async def begin(session: Session) -> Bake | TaskResult:
            from takeoff.engine.alerts import begin_alerts

            return await begin_alerts(session, operation_id, self.spec, self.driver(run))

        self._go_on(run, self.in_session(run, begin))

    def baked(self, context: Context, event: Any, stage: str, baseline: list[str], until: float) -> None:
        """Look again and judge; go on baking if it is not over."""
        from takeoff.engine.alerts import Bake

        run, operation_id = AirflowRun.of(context), checked_operation(context, self.spec)
        bake = Bake(stage, tuple(baseline), datetime.fromtimestamp(until, UTC))

        async def settle(session: Session) -> TaskResult | None:
            from takeoff.engine.alerts import settle_alerts

            return await settle_alerts(
                session, operation_id, self.spec, self.driver(run), until=bake.until, seen=str(event or "")
            )

        self._go_on(run, self.in_session(run, settle) or bake)

    def _go_on(self, run: AirflowRun, found: Bake | TaskResult) -> None:
        from takeoff.engine.task_result import TaskResult

        if isinstance(found, TaskResult):
            self.tell_passed(run, found)
            return
        watched = {"stage": found.stage, "baseline": list(found.baseline), "until": found.until.timestamp()}
        self.defer(
            trigger=AlertBakeTrigger(environment=self.environment, **watched),  # type: ignore[arg-type]
            method_name="baked",
            kwargs=watched,
        )
