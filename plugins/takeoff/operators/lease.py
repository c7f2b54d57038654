"""Taking the lease: from here on the environment is this run's operation's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from takeoff.core.errors import Refused, Superseded
from takeoff.core.gates import WAITING
from takeoff.operators.airflow_rest import note_run
from takeoff.operators.airflow_run import AirflowRun, chosen_version
from takeoff.operators.engine_operator import EngineOperator
from takeoff.operators.preflight import end_quietly
from takeoff.operators.withdrawn_approvals import withdraw_approvals

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.core.operation import Operation
    from takeoff.engine.session import Session


class LeaseOperator(EngineOperator):
    """Opens the operation; its id is what all later tasks get. Answers older approvals: *Reject: superseded*."""

    def execute(self, context: Context) -> str:
        """Take the lease, and return the operation's id."""
        run, version = AirflowRun.of(context), chosen_version(context)

        async def take(session: Session) -> Operation | Refused:
            from takeoff.engine.opening import open_deploy
            from takeoff.operators.tracking import track_begin

            try:
                operation = (await open_deploy(session, run.request(version), self.driver(run))).operation
            except Superseded:
                raise
            except Refused as refusal:
                if run.automatic and refusal.name in WAITING:
                    return refusal
                raise
            await asyncio.to_thread(track_begin, session.environment, session.credentials, operation)
            return operation

        opened = self.in_session(run, take)
        if isinstance(opened, Refused):
            end_quietly(run, str(opened))
            raise opened
        self.log.info("Operation %s holds the lease: %s %s", opened.id, opened.package, opened.version)
        note_run(run, f"Operation {opened.id}: {opened.package} {opened.version}, asked by {run.by}")
        withdraw_approvals(self.log, run, run.dag_id, f"superseded by {opened.id} ({opened.version})")
        return opened.id
