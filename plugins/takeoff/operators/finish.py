"""The end of a deploy: the version is recorded, the lease goes back, other systems are told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from takeoff.core.dag_names import package_asset
from takeoff.core.errors import TakeoffError
from takeoff.operators.airflow_rest import connected_airflow_api, note_run
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.fleet_task import FleetTaskOperator

if TYPE_CHECKING:
    from takeoff.engine.session import Session


class FinishOperator(FleetTaskOperator):
    """Closes the operation, then tracks, and rings the asset if a newer version has come meanwhile."""

    async def afterwards(self, session: Session, run: AirflowRun, operation_id: str) -> None:
        """Tell the others; none of it can fail the deploy, which is over."""
        from takeoff.operators.tracking import track_end

        record = await session.journal.read()
        operation = record.operations[operation_id].details
        # The note may still tell of a failure that a later try has made good.
        await asyncio.to_thread(note_run, run, f"{operation.version} is deployed to {operation.environment}")
        await asyncio.to_thread(track_end, session.environment, session.credentials, operation)
        try:
            await self._ring_if_newer(session)
        except TakeoffError as error:
            self.log.warning("Whether a newer version has come is not known (%s); the schedule will look", error)

    async def _ring_if_newer(self, session: Session) -> None:
        from takeoff.engine.packages import look_for_packages

        record = await session.journal.read()
        report = await look_for_packages(session, deployed=record.deployed_version, rejected=record.rejected)
        if not report.version:
            return
        self.log.info("%s has come meanwhile: its deploy begins", report.version)
        api = await asyncio.to_thread(connected_airflow_api)
        await asyncio.to_thread(api.ring, package_asset(session.environment.name), {"version": report.version})
