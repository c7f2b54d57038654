"""Airflow's toggle of the deploy DAG brought to what the hold says, from a task."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from takeoff.core.errors import TakeoffError
from takeoff.operators.airflow_rest import connected_airflow_api

if TYPE_CHECKING:
    from takeoff.core.record import Record

log = logging.getLogger(__name__)


async def show_hold(environment: str, record: Record) -> None:
    """Let the toggle follow the hold; it is a sign only, so failing to do so never fails a task."""
    from takeoff.engine.deploy_toggle import follow_hold

    try:
        told = await follow_hold(await asyncio.to_thread(connected_airflow_api), environment, record)
    except TakeoffError as error:
        told = f"Airflow's toggle was left as it is: {error}"
    if told:
        log.info("%s", told)
