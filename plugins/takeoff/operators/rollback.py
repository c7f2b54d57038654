"""The tasks with which a rollback begins and ends; those between are the same as a deploy's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from takeoff.core.dag_names import deploy_dag
from takeoff.core.errors import TakeoffError
from takeoff.operators.airflow_rest import connected_airflow_api, note_run
from takeoff.operators.airflow_run import AirflowRun, judged_version
from takeoff.operators.deploy_toggle import show_hold
from takeoff.operators.engine_operator import EngineOperator
from takeoff.operators.fleet_task import FleetTaskOperator
from takeoff.operators.withdrawn_approvals import withdraw_approvals

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.core.operation import Operation
    from takeoff.core.record import OperationRecord
    from takeoff.engine.session import Session


class VerdictOperator(EngineOperator):
    """Says whether the version can be reached, and names what forbids it; changes nothing."""

    def execute(self, context: Context) -> str:
        """Judge, and return the version in full."""
        run, typed = AirflowRun.of(context), str(context["params"]["version"])

        async def look(session: Session) -> str:
            from takeoff.engine.rolling_back import verdict_for

            verdict = (await verdict_for(session, run.rollback_request(typed))).verdict
            for finding in verdict.refusals:
                self.log.info("%s: %s", finding.weight.value, finding.sentence())
            self.log.info("%s can be reached from %s", verdict.version, verdict.from_version)
            return verdict.version

        return self.in_session(run, look)


class PauseDeploysOperator(EngineOperator):
    """Holds automatic deploys until a person resumes them."""

    def execute(self, context: Context) -> None:
        """Hold them."""
        run, version = AirflowRun.of(context), judged_version(context)

        async def hold(session: Session) -> None:
            from takeoff.engine.rolling_back import pause_deploys

            self.log.info("%s", await pause_deploys(session, run.rollback_request(version), version))
            await show_hold(self.environment, await session.journal.read())

        self.in_session(run, hold)


class StopDeployOperator(EngineOperator):
    """Takes the lease over from whatever is open, and waits until nothing of it moves any more."""

    def execute(self, context: Context) -> str:
        """Take over, and return the id of the rollback's operation."""
        run, version = AirflowRun.of(context), judged_version(context)

        async def stop(session: Session) -> Operation:
            from takeoff.engine.rolling_back import stop_deploy
            from takeoff.operators.tracking import track_begin

            async def end_run(taken: OperationRecord) -> None:
                await asyncio.to_thread(self._end_run, run, taken)

            lease, result = await stop_deploy(session, run.rollback_request(version), self.driver(run), end_run)
            self.log.info("%s", result.summary)
            await asyncio.to_thread(track_begin, session.environment, session.credentials, lease.operation)
            return lease.operation

        operation = self.in_session(run, stop)
        withdraw_approvals(
            self.log, run, deploy_dag(self.environment), f"superseded by the rollback {operation.id} to {version}"
        )
        note_run(run, f"Operation {operation.id}: rollback to {version}, asked by {run.by}: {run.reason}")
        return operation.id

    def _end_run(self, run: AirflowRun, taken: OperationRecord) -> None:
        """End the run of the operation that was taken over; if that fails, its tasks are refused all the same."""
        from takeoff.engine.taken_over_run import end_run_of

        try:
            told = end_run_of(
                connected_airflow_api(), taken, f"Ended by the rollback {run.name}, by {run.by}: {run.reason}"
            )
        except TakeoffError as error:
            told = f"run {taken.details.run} was not ended: what it still tries is refused; end it by hand ({error})"
        if told:
            self.log.info("%s", told)


class FinishRollbackOperator(FleetTaskOperator):
    """Closes the operation, moves the blessed node, and rejects the version that was left."""

    async def afterwards(self, session: Session, run: AirflowRun, operation_id: str) -> None:
        """Tell the others; none of it can fail the rollback, which is over."""
        from takeoff.operators.tracking import track_end

        record = await session.journal.read()
        operation = record.operations[operation_id].details
        await asyncio.to_thread(track_end, session.environment, session.credentials, operation)
        await show_hold(self.environment, record)
