"""Airflow's own toggle of the deploy DAG, which follows the hold as its visible sign."""

from __future__ import annotations

import asyncio

from takeoff.clients.airflow_api import AirflowApi
from takeoff.core.dag_names import deploy_dag
from takeoff.core.record import Record

IN_FLIGHT = ("queued", "running")
"""States of a run that would freeze with its DAG; one that waits for an approval is running."""


async def follow_hold(api: AirflowApi, environment: str, record: Record) -> str:
    """Bring the toggle to what the hold says.

    It is switched off only while no run is in flight, because it would freeze that run. A hold that ends by itself
    never switches it off: nobody would switch it on again at that moment.

    Returns:
        What was done, or why not; empty if it stands as it should.

    Raises:
        SourceUnavailable, SourceUntrusted, ConfigError: as every call of :class:`AirflowApi`.
    """
    held = record.hold is not None and record.hold.until is None
    return await asyncio.to_thread(_follow, api, deploy_dag(environment), held)


def _follow(api: AirflowApi, dag_id: str, held: bool) -> str:
    if api.is_paused(dag_id) == held:
        return ""
    if held and (runs := api.runs(dag_id, IN_FLIGHT)):
        return f"the toggle of {dag_id} stays on, because it would freeze run {runs[0].run_id}"
    api.set_paused(dag_id, paused=held)
    return f"the toggle of {dag_id} was switched {'off' if held else 'on'}, as the hold is"
