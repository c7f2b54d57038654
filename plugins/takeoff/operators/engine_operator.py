"""The base of the tasks whose work is the engine's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseOperator

from takeoff.core.task_ids import POST_DEPLOY_ALERTS, POST_DEPLOY_QA
from takeoff.operators.airflow_rest import note_run
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.environment_session import in_session
from takeoff.operators.retry import RETRIES, RETRY_DELAY, RETRY_POLICY

if TYPE_CHECKING:
    from takeoff.core.operation import Driver
    from takeoff.core.task_ids import TaskSpec
    from takeoff.engine.session import Session
    from takeoff.engine.stopping import Stop
    from takeoff.engine.task_result import TaskResult

Done = TypeVar("Done")


class EngineOperator(BaseOperator):
    """A task of an environment's procedure.

    Args:
        environment: name of the environment; its file is read again when the task runs.
        spec: which task of the procedure it is.
        options: more for Airflow's operators.
    """

    def __init__(self, *, environment: str, spec: TaskSpec, **options: Any) -> None:
        # A group of tasks puts its own name before the last part of the id.
        own: dict[str, Any] = {"retries": RETRIES, "retry_policy": RETRY_POLICY, "retry_delay": RETRY_DELAY}
        super().__init__(task_id=spec.id.rpartition(".")[2], **(own | options))
        self.environment = environment
        self.spec = spec

    def in_session(self, run: AirflowRun, work: Callable[[Session], Awaitable[Done]], stop: Stop | None = None) -> Done:
        """Do the work in a session of the environment; see :func:`in_session`."""
        return in_session(self.environment, run, self.log, work, stop)

    def tell_passed(self, run: AirflowRun, result: TaskResult) -> None:
        """Tell that a check has passed; after the deploy's own end the run's note may tell of a try that had not."""
        self.log.info("%s", result.summary)
        if self.spec.id in (POST_DEPLOY_QA, POST_DEPLOY_ALERTS):
            note_run(run, f"{self.spec.id}: {result.summary}")

    def driver(self, run: AirflowRun) -> Driver:
        """Name this process as the driver of its task."""
        from takeoff.engine.drivers import new_driver

        return new_driver(self.spec.id, run.by, asked=run.asked)
