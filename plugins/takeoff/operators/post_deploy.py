"""The approved post-deploy migrations: an operation of their own, whose first entry is the point of no return."""

from __future__ import annotations

from typing import TYPE_CHECKING

from takeoff.operators.airflow_run import AirflowRun, opened_operation
from takeoff.operators.approval import approver
from takeoff.operators.migrations import STAY_S, MigratingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.session import Session
    from takeoff.engine.tasks import TaskResult


class PostDeployOperator(MigratingOperator):
    """Runs what is pending on the blessed node, for whom the approval names; never without an approval."""

    async def migrate(self, session: Session, context: Context, run: AirflowRun) -> TaskResult:
        """Run them, in the name of whoever approved."""
        from takeoff.engine.post_deploy import run_post_deploy

        run = run._replace(by=approver(context), reason=f"approved in {run.name}", automatic=False, skips={})
        deployed = (await session.journal.read()).operations[opened_operation(context)].details.version
        return await run_post_deploy(session, run.request(deployed), self.driver(run), stay_s=STAY_S)
