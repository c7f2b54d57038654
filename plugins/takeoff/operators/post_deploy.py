"""The approved post-deploy migrations: an operation of their own, whose first entry is the point of no return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from takeoff.operators.airflow_run import AirflowRun, opened_operation
from takeoff.operators.approval import approver
from takeoff.operators.engine_operator import EngineOperator
from takeoff.operators.plain_errors import plain_errors

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.session import Session
    from takeoff.engine.tasks import TaskResult


class PostDeployOperator(EngineOperator):
    """Runs what is pending on the blessed node, for whom the approval names; never without an approval."""

    def execute(self, context: Context) -> None:
        """Run them."""
        run, operation_id = AirflowRun.of(context), opened_operation(context)
        with plain_errors(self.environment, run):
            run = run._replace(by=approver(context), reason=f"approved in {run.name}", automatic=False, skips={})

        async def migrate(session: Session) -> TaskResult:
            from takeoff.engine.post_deploy import run_post_deploy

            deployed = (await session.journal.read()).operations[operation_id].details.version
            return await run_post_deploy(session, run.request(deployed), self.driver(run))

        self.log.info("%s", self.in_session(run, migrate).summary)
