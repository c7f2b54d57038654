"""The rollback of each environment, ``rollback_<environment>``: back to a version that is given."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from takeoff.core.dag_names import rollback_dag
from takeoff.core.environment import Environment
from takeoff.core.rollback_refusals import FORCEABLE
from takeoff.core.task_ids import TaskKind, rollback_tasks
from takeoff.core.versions import VERSION_PATTERN
from takeoff.environment_files import LoadedEnvironment, load_environments
from takeoff.operators.fleet_task import FleetTaskOperator
from takeoff.operators.procedure import chain_tasks
from takeoff.operators.rollback import (
    FinishRollbackOperator,
    PauseDeploysOperator,
    StopDeployOperator,
    VerdictOperator,
)
from takeoff.operators.rollback_runbooks import rollback_runbook, rollback_task_runbook
from takeoff.sensors.alerts import AlertsSensor
from takeoff.sensors.qa import QaSensor

PARAMS = {
    "version": Param(
        type="string", pattern=VERSION_PATTERN, description="Version to go back to; it must have run here before."
    ),
    "reason": Param(
        type="string",
        minLength=1,
        description="Why; the version that is left is rejected with it.",
    ),
    "force": Param(
        {},
        type="object",
        propertyNames={"enum": list(FORCEABLE)},
        additionalProperties={"type": "string", "minLength": 1},
        description=f'Refusals to pass, each with a reason: {{"{FORCEABLE[0]}": "restored the database"}}.',
    ),
    "requested_by": Param(None, type=["null", "string"], description="Who asked, where a service asks for them."),
}

OPERATORS = {
    TaskKind.VERDICT: VerdictOperator,
    TaskKind.PAUSE_DEPLOYS: PauseDeploysOperator,
    TaskKind.STOP_DEPLOY: StopDeployOperator,
    TaskKind.WARMUP: FleetTaskOperator,
    TaskKind.ROLLOUT: FleetTaskOperator,
    TaskKind.QA: QaSensor,
    TaskKind.ALERTS: AlertsSensor,
    TaskKind.FINISH: FinishRollbackOperator,
}
"""What each kind of task is carried out by; their order is that of ``rollback_tasks``."""


def build_rollback(environment: Environment) -> DAG:
    """Make the rollback DAG of one environment."""
    with DAG(
        rollback_dag(environment.name),
        description=f"Takes {environment.name} back to a version of {environment.package.name} that it ran before",
        doc_md=rollback_runbook(environment),
        schedule=None,
        allowed_run_types=["manual"],
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        # That only one changes the fleet is the lease's work: a rollback may have to end another one.
        max_active_runs=16,
        is_paused_upon_creation=False,
        params=PARAMS,
        tags=["takeoff", environment.name],
    ) as dag:
        chain_tasks(environment.name, rollback_tasks(environment), OPERATORS, rollback_task_runbook)
    return dag


for loaded in load_environments():
    if isinstance(loaded, LoadedEnvironment):
        build_rollback(loaded.environment)
