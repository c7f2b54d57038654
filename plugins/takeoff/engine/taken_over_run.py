"""The Airflow run of an operation that was taken over: ended, so that it does not look as if it went on."""

from __future__ import annotations

from takeoff.clients.airflow_api import AirflowApi
from takeoff.core.record import OperationRecord

OVER = ("success", "failed")
"""States of a run that has ended."""


def end_run_of(api: AirflowApi, taken: OperationRecord, note: str) -> str:
    """End the run as failed, unless it has ended.

    Args:
        api: the Airflow that it belongs to.
        taken: the operation.
        note: what the run's note says then.

    Returns:
        What was done; empty if there was nothing to do.

    Raises:
        SourceUnavailable, SourceUntrusted, ConfigError, NotThere: as every call of :class:`AirflowApi`.
    """
    dag_id, slash, run_id = taken.details.run.partition("/")
    if not slash or api.run(dag_id, run_id).state in OVER:
        return ""
    api.end_run(dag_id, run_id, "failed", note)
    return f"run {taken.details.run} was ended"
