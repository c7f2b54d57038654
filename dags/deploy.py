"""The deploy of each environment, ``deploy_<environment>``: the procedure in order, one task for each step."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, CronTriggerTimetable, Param

from takeoff.core.dag_names import deploy_dag, package_asset
from takeoff.core.environment import Environment
from takeoff.core.task_ids import TaskKind, deploy_tasks
from takeoff.core.versions import VERSION_PATTERN
from takeoff.environment_files import LoadedEnvironment, load_environments
from takeoff.operators.approval import PostDeployApproval
from takeoff.operators.finish import FinishOperator
from takeoff.operators.fleet_task import FleetTaskOperator
from takeoff.operators.lease import LeaseOperator
from takeoff.operators.migrations import MigrationsOperator
from takeoff.operators.post_deploy import PostDeployOperator
from takeoff.operators.preflight import PreflightOperator
from takeoff.operators.procedure import chain_tasks
from takeoff.operators.runbooks import deploy_runbook, task_runbook
from takeoff.sensors.alerts import AlertsSensor
from takeoff.sensors.new_package import NewPackageSensor
from takeoff.sensors.qa import QaSensor

PARAMS = {
    "version": Param(
        None,
        type=["null", "string"],
        pattern=VERSION_PATTERN,
        description="Version to deploy; empty: the newest that qualifies.",
    ),
    "reason": Param(None, type=["null", "string"], description="Why; kept in the journal."),
    "skip": Param(
        {},
        type="object",
        additionalProperties={"type": "string", "minLength": 1},
        description='Gates to pass, each with a reason: {"freeze": "hotfix for …"}.',
    ),
    "requested_by": Param(None, type=["null", "string"], description="Who asked, where a service asks for them."),
}

OPERATORS = {
    TaskKind.NEW_PACKAGE: NewPackageSensor,
    TaskKind.PREFLIGHT: PreflightOperator,
    TaskKind.LEASE: LeaseOperator,
    TaskKind.PENDING_POST_DEPLOY: MigrationsOperator,
    TaskKind.WARMUP: FleetTaskOperator,
    TaskKind.MIGRATIONS: MigrationsOperator,
    TaskKind.ROLLOUT: FleetTaskOperator,
    TaskKind.QA: QaSensor,
    TaskKind.ALERTS: AlertsSensor,
    TaskKind.FINISH: FinishOperator,
    TaskKind.APPROVE: PostDeployApproval,
    TaskKind.POST_DEPLOY: PostDeployOperator,
}
"""What each kind of task is carried out by; their order is that of ``deploy_tasks``."""


def build_deploy(environment: Environment) -> DAG:
    """Make the deploy DAG of one environment."""
    asset = Asset(package_asset(environment.name))
    with DAG(
        deploy_dag(environment.name),
        description=f"Deploys {environment.package.name} to {environment.name}",
        doc_md=deploy_runbook(environment),
        schedule=[asset]
        if environment.schedule is None
        else AssetOrTimeSchedule(timetable=CronTriggerTimetable(environment.schedule, timezone="UTC"), assets=[asset]),
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        # A run that waits for an approval counts as running; that only one changes the fleet is the lease's work.
        max_active_runs=16,
        is_paused_upon_creation=False,
        params=PARAMS,
        tags=["takeoff", environment.name],
    ) as dag:
        chain_tasks(environment.name, deploy_tasks(environment), OPERATORS, task_runbook)
    return dag


for loaded in load_environments():
    if isinstance(loaded, LoadedEnvironment):
        build_deploy(loaded.environment)
