"""Waits for the QA of a stage: no worker and no slot is taken while its pipeline runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from takeoff.operators.airflow_run import AirflowRun, checked_operation
from takeoff.operators.engine_operator import EngineOperator
from takeoff.triggers.qa_pipeline import QaPipelineTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.session import Session
    from takeoff.engine.task_result import TaskResult


class QaSensor(EngineOperator):
    """Starts the pipeline or finds it again, waits for its end, and judges it by its test report."""

    def execute(self, context: Context) -> None:
        """Begin, and wait."""
        run, operation_id = AirflowRun.of(context), checked_operation(context, self.spec)

        async def begin(session: Session) -> TaskResult | int:
            from takeoff.clients.gitlab import Pipeline
            from takeoff.engine.qa import begin_qa

            begun = await begin_qa(session, operation_id, self.spec, self.driver(run))
            return begun.id if isinstance(begun, Pipeline) else begun

        begun = self.in_session(run, begin)
        if isinstance(begun, int):
            self._wait(begun)
        else:
            self.tell_passed(run, begun)

    def ended(self, context: Context, event: Any, pipeline: int) -> None:
        """Judge; if failed jobs run again, wait again."""
        run, operation_id = AirflowRun.of(context), checked_operation(context, self.spec)

        async def settle(session: Session) -> TaskResult | None:
            from takeoff.engine.qa import settle_qa

            return await settle_qa(session, operation_id, self.spec, self.driver(run))

        result = self.in_session(run, settle)
        if result is None:
            self._wait(pipeline)
        else:
            self.tell_passed(run, result)

    def _wait(self, pipeline: int) -> None:
        from takeoff.engine.qa import qa_settings
        from takeoff.environment_files import load_environment
        from takeoff.fleet.clock import SystemClock

        until = SystemClock().now() + qa_settings(load_environment(self.environment).environment).timeout
        self.defer(
            trigger=QaPipelineTrigger(environment=self.environment, pipeline=pipeline, until=until.timestamp()),
            method_name="ended",
            kwargs={"pipeline": pipeline},
        )
