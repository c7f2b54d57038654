"""The tasks that move hosts: warmup, migrations, rollouts; the engine carries each out by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from takeoff.operators.airflow_run import AirflowRun, opened_operation
from takeoff.operators.engine_operator import EngineOperator

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from takeoff.engine.session import Session
    from takeoff.engine.tasks import TaskResult


class FleetTaskOperator(EngineOperator):
    """Carries out one task of the run's operation: safe to clear, refused when the operation is over."""

    def execute(self, context: Context) -> None:
        """Do it, and log what became of each host."""
        run, operation_id = AirflowRun.of(context), opened_operation(context)

        async def carry_out(session: Session) -> TaskResult:
            from takeoff.engine.tasks import run_task

            result = await run_task(session, operation_id, self.spec, self.driver(run))
            await self.afterwards(session, run, operation_id)
            return result

        log_result(self.log, self.in_session(run, carry_out))

    async def afterwards(self, session: Session, run: AirflowRun, operation_id: str) -> None:
        """Do what follows in the same session; nothing by default."""


def log_result(log: Logger, result: TaskResult) -> None:
    """Write a result into the task's log: each host, then the summary."""
    for outcome in result.report.hosts if result.report else ():
        log.info("%s: %s, %s (%.1f s)", outcome.host, outcome.result.value, outcome.reason, outcome.seconds)
    log.info("%s", result.summary)
