"""Airflow's REST API with the login of connection ``airflow_api``, and what is done without that connection."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from takeoff.core.errors import ConfigError, TakeoffError
from takeoff.operators.credentials import http_access, known_connection

if TYPE_CHECKING:
    from takeoff.clients.airflow_api import AirflowApi
    from takeoff.operators.airflow_run import AirflowRun

log = logging.getLogger(__name__)


def connected_airflow_api() -> AirflowApi:
    """Make the client.

    Raises:
        ConfigError: there is no connection ``airflow_api``, or it lacks address or login.
    """
    from takeoff.clients.airflow_api import CONNECTION, AirflowApi

    connection = known_connection(CONNECTION, "notes, ending runs and answering approvals")
    if not connection.login or not connection.password:
        raise ConfigError(f"connection {CONNECTION!r} needs login and password of a user with the role Op")
    access = http_access(connection, None, CONNECTION)
    return AirflowApi(access.base_url, connection.login, connection.password, access.session)


def note_run(run: AirflowRun, text: str) -> None:
    """Write a run's note, where that is possible; it never fails the task."""
    try:
        connected_airflow_api().note_run(run.dag_id, run.run_id, text)
    except TakeoffError as error:
        log.warning("This could not be written as the run's note: %s", error)
