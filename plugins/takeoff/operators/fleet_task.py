"""The tasks that move hosts: warmup, rollouts, the end; the engine carries each out by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from takeoff.core.errors import Halted, Interrupted
from takeoff.operators.airflow_run import AirflowRun, opened_operation
from takeoff.operators.engine_operator import EngineOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.session import Session
    from takeoff.engine.stopping import Stop
    from takeoff.engine.tasks import TaskResult


class FleetTaskOperator(EngineOperator):
    """Carries out one task of the run's operation: safe to clear, refused when the operation is over."""

    _stop: Stop | None = None
    """Of the work that goes on."""

    def execute(self, context: Context) -> None:
        """Do it; what becomes of each host is told as it happens, the summary at the end."""
        from takeoff.engine.stopping import Stop

        run, operation_id = AirflowRun.of(context), opened_operation(context)
        stop = self._stop = Stop()

        async def carry_out(session: Session) -> TaskResult:
            from takeoff.engine.tasks import run_task

            try:
                result = await run_task(session, operation_id, self.spec, self.driver(run))
            except Halted as halted:
                if stop.halt is None:
                    raise
                raise Interrupted(str(halted)) from None
            await self.afterwards(session, run, operation_id)
            return result

        self.log.info("%s", self.in_session(run, carry_out, stop).summary)

    def on_kill(self) -> None:
        """Let no further host begin; Airflow gives the ones in flight some seconds, a worker that ends its own time."""
        if self._stop is not None:
            self.log.warning("Airflow ends this task: hosts in flight are finished if there is time, none begins")
            self._stop.ask(
                "Airflow", "the task's process was told to end", "the next try, or clearing the task, goes on"
            )

    async def afterwards(self, session: Session, run: AirflowRun, operation_id: str) -> None:
        """Do what follows in the same session; nothing by default."""
