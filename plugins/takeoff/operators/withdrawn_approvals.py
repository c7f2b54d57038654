"""Questions about post-deploy migrations that a newer operation has overtaken are answered *Reject* for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from takeoff.core.approval_text import answer_fields
from takeoff.core.errors import TakeoffError
from takeoff.operators.airflow_rest import connected_airflow_api

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from takeoff.operators.airflow_run import AirflowRun


def withdraw_approvals(log: Logger, run: AirflowRun, dag_id: str, why: str) -> None:
    """Answer what other runs of the deploy DAG still ask.

    Args:
        log: of the task.
        run: the task's own, whose question stands.
        dag_id: the deploy DAG.
        why: what the answer says: ``superseded by …``.
    """
    try:
        api = connected_airflow_api()
        for waiting in api.waiting_approvals(dag_id):
            if waiting.run_id != run.run_id and api.answer_approval(waiting, "Reject", answer_fields(why)):
                log.info("Answered %s of run %s with Reject: %s", waiting.task_id, waiting.run_id, why)
    except TakeoffError as error:
        # Nothing can go wrong by it: an approved post-deploy migration of an older version is refused anyway.
        log.warning("Older approvals were not answered (%s); answer them with Reject: %s", error, why)
