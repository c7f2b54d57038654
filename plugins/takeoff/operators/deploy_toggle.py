"""Airflow's own toggle of the deploy DAG, which follows the hold as its visible sign."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from takeoff.core.dag_names import deploy_dag
from takeoff.core.errors import TakeoffError
from takeoff.operators.airflow_rest import connected_airflow_api

if TYPE_CHECKING:
    from takeoff.core.record import Record

log = logging.getLogger(__name__)

IN_FLIGHT = ("queued", "running")
"""States of a run that would freeze with its DAG; one that waits for an approval is running."""


async def follow_hold(environment: str, record: Record) -> None:
    """Bring the toggle to what the hold says; it is a sign only, so failing to do so never fails a task.

    It is switched off only while no run is in flight, because it would freeze that run. A hold that ends by itself
    never switches it off: nobody would switch it on again at that moment.
    """
    hold = record.hold
    try:
        await asyncio.to_thread(_follow, deploy_dag(environment), hold is not None and hold.until is None)
    except TakeoffError as error:
        log.warning("The toggle of %s was left as it is: %s", deploy_dag(environment), error)


def _follow(dag_id: str, held: bool) -> None:
    api = connected_airflow_api()
    if api.is_paused(dag_id) == held:
        return
    if held and (runs := api.runs(dag_id, IN_FLIGHT)):
        log.info("The toggle of %s stays on, because it would freeze run %s", dag_id, runs[0].run_id)
        return
    api.set_paused(dag_id, paused=held)
    log.info("The toggle of %s is %s, as the hold is", dag_id, "off" if held else "on")
