"""One action on an environment, carried out on a worker: what chat and UI ask for, who hold no SSH keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from takeoff.core.control_action import ControlAction
from takeoff.operators.airflow_rest import note_run
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.deploy_toggle import show_hold
from takeoff.operators.environment_session import in_session
from takeoff.operators.retry import RETRIES, RETRY_DELAY, RETRY_POLICY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.session import Session


class ControlOperator(BaseOperator):
    """Carries out the action that the run was started for, and writes what came of it as the run's note.

    Args:
        environment: name of the environment.
        options: more for Airflow's operators.
    """

    def __init__(self, *, environment: str, **options: Any) -> None:
        own: dict[str, Any] = {"retries": RETRIES, "retry_policy": RETRY_POLICY, "retry_delay": RETRY_DELAY}
        super().__init__(**(own | options))
        self.environment = environment

    def execute(self, context: Context) -> str:
        """Do it, and return what came of it."""
        run, params = AirflowRun.of(context), context["params"]
        action = ControlAction(params["action"])

        async def work(session: Session) -> str:
            from takeoff.engine.controlling import control

            told = await control(
                session,
                action,
                by=run.by,
                reason=run.reason,
                lasting=str(params.get("for") or ""),
                stop_after=str(params.get("stop_after") or ""),
                version=str(params.get("version") or ""),
                run=run.name,
                run_url=run.url,
            )
            await show_hold(self.environment, await session.journal.read())
            return told

        told = in_session(self.environment, run, self.log, work)
        self.log.info("%s", told)
        note_run(run, f"{action.value}, asked by {run.by}: {told}")
        return told
