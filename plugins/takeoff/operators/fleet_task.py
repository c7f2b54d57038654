"""The tasks that move hosts: warmup, rollouts, the end; the engine carries each out by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from takeoff.operators.airflow_run import AirflowRun, opened_operation
from takeoff.operators.engine_operator import EngineOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.session import Session
    from takeoff.engine.tasks import TaskResult


class FleetTaskOperator(EngineOperator):
    """Carries out one task of the run's operation: safe to clear, refused when the operation is over."""

    def execute(self, context: Context) -> None:
        """Do it; what becomes of each host is told as it happens, the summary at the end."""
        run, operation_id = AirflowRun.of(context), opened_operation(context)

        async def carry_out(session: Session) -> TaskResult:
            from takeoff.engine.tasks import run_task

            result = await run_task(session, operation_id, self.spec, self.driver(run))
            await self.afterwards(session, run, operation_id)
            return result

        self.log.info("%s", self.in_session(run, carry_out).summary)

    async def afterwards(self, session: Session, run: AirflowRun, operation_id: str) -> None:
        """Do what follows in the same session; nothing by default."""
