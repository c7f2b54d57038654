"""The Airflow run that a task belongs to: who started it, what was asked for, where to look at it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowSkipException

from takeoff.core.dag_names import rollback_dag
from takeoff.core.errors import ConfigError
from takeoff.core.task_ids import (
    LEASE,
    NEW_PACKAGE,
    POST_DEPLOY,
    POST_DEPLOY_ALERTS,
    POST_DEPLOY_QA,
    STOP_DEPLOY,
    VERDICT,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.core.task_ids import TaskSpec
    from takeoff.engine.opening import DeployRequest
    from takeoff.engine.rollback_verdict import RollbackRequest

log = logging.getLogger(__name__)

AUTOMATIC = ("scheduled", "asset_triggered", "backfill")
"""Types of runs that nobody started by hand."""


class AirflowRun(NamedTuple):
    """One run, seen from one of its tasks.

    Attributes:
        dag_id: of the run.
        run_id: of the run.
        task_id: of the task.
        last_try: whether Airflow will not try this task again by itself.
        automatic: the schedule or an event started it.
        by: who started it.
        reason: why, in their words.
        skips: gate → reason.
        force: refusal → reason, in a rollback.
        asked: it is the task's first try, or the first one since a person cleared it; not one of Airflow's retries.
    """

    dag_id: str
    run_id: str
    task_id: str
    last_try: bool
    automatic: bool
    by: str
    reason: str
    skips: Mapping[str, str]
    force: Mapping[str, str] = {}
    asked: bool = True

    @classmethod
    def of(cls, context: Context) -> AirflowRun:
        """Read a task's context."""
        run, instance, params = context["dag_run"], context["ti"], context["params"]
        automatic = str(getattr(run.run_type, "value", run.run_type)) in AUTOMATIC
        return cls(
            dag_id=run.dag_id,
            run_id=run.run_id,
            task_id=instance.task_id,
            last_try=instance.try_number > (instance.max_tries or 0),
            automatic=automatic,
            by="schedule" if automatic else _asked_by(run, params),
            reason=str(params.get("reason") or ""),
            skips=dict(params.get("skip") or {}),
            force=dict(params.get("force") or {}),
            asked=not _is_retry(instance.try_number, instance.max_tries or 0, instance.task.retries or 0),
        )

    @property
    def name(self) -> str:
        """How the journal names it: ``<dag id>/<run id>``."""
        return f"{self.dag_id}/{self.run_id}"

    @property
    def url(self) -> str:
        """Where a person looks at it; empty if Airflow does not know its own address."""
        base = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
        return f"{base}/dags/{quote(self.dag_id)}/runs/{quote(self.run_id)}" if base else ""

    def request(self, version: str) -> DeployRequest:
        """Ask the engine for a deploy of that version, in this run's name."""
        from takeoff.engine.opening import DeployRequest

        return DeployRequest(version, self.by, self.reason, self.automatic, self.name, self.url, self.skips)

    def rollback_request(self, version: str) -> RollbackRequest:
        """Ask the engine for a rollback to that version, in this run's name."""
        from takeoff.engine.rollback_verdict import RollbackRequest

        return RollbackRequest(version, self.by, self.reason, self.name, self.url, self.force)


def _is_retry(try_number: int, max_tries: int, retries: int) -> bool:
    """Whether Airflow tries again by itself: a cleared task gets its retries anew, counted from where it was.

    ``clear_task_instances`` sets ``max_tries`` to the tries so far and the task's retries (airflow/models/
    taskinstance.py).
    """
    return max_tries - retries + 1 < try_number <= max_tries + 1 and retries > 0


def chosen_version(context: Context) -> str:
    """Read what ``new_package`` has found.

    Raises:
        ConfigError: it has found nothing, so this task should not run.
    """
    return _pulled(context, NEW_PACKAGE, "it says which version")


def opened_operation(context: Context) -> str:
    """Read the id of the operation that ``lease``, or in a rollback ``stop_deploy``, has opened.

    Raises:
        ConfigError: it has opened none, so this task should not run.
    """
    rollback = context["dag_run"].dag_id.startswith(rollback_dag(""))
    return _pulled(context, STOP_DEPLOY if rollback else LEASE, "it opens the operation")


def checked_operation(context: Context, check: TaskSpec) -> str:
    """Read the id of the operation that a check belongs to; after post-deploy migrations it is one of their own.

    Raises:
        AirflowSkipException: no post-deploy migrations were pending: nothing was opened, and nothing is checked.
        ConfigError: as for :func:`opened_operation`.
    """
    if check.id not in (POST_DEPLOY_QA, POST_DEPLOY_ALERTS):
        return opened_operation(context)
    if value := context["ti"].xcom_pull(task_ids=POST_DEPLOY):
        return str(value)
    told = f"{POST_DEPLOY} of this run found nothing pending and opened nothing: nothing to check"
    log.info("%s", told)  # Airflow writes of a skipped task only that it is skipped.
    raise AirflowSkipException(told)


def judged_version(context: Context) -> str:
    """Read the version that ``verdict`` has found reachable.

    Raises:
        ConfigError: it has found none, so this task should not run.
    """
    return _pulled(context, VERDICT, "it says whether the version can be reached")


def _asked_by(run: Any, params: Mapping[str, Any]) -> str:
    """Name who started a run; where a service did so for a person in chat, both."""
    user = getattr(run, "triggering_user_name", None) or "airflow"
    asked = str(params.get("requested_by") or "")
    return f"{asked} through {user}" if asked else user


def _pulled(context: Context, task_id: str, why: str) -> str:
    value: Any = context["ti"].xcom_pull(task_ids=task_id)
    if not value:
        raise ConfigError(f"task {task_id} of this run has left nothing: {why}; clear {task_id} first")
    return str(value)
