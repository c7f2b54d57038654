"""One action on each environment, ``control_<environment>``: carried out on a worker, for chat and UI."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from takeoff.core.control_action import ControlAction
from takeoff.core.dag_names import control_dag
from takeoff.core.environment import Environment
from takeoff.core.versions import VERSION_PATTERN
from takeoff.environment_files import LoadedEnvironment, load_environments
from takeoff.operators.control import ControlOperator
from takeoff.operators.rollback_runbooks import control_runbook

PARAMS = {
    "action": Param(ControlAction.LOOK.value, type="string", enum=[action.value for action in ControlAction]),
    # The form takes nothing for an answer only where null is one of the types.
    "reason": Param(
        None, type=["null", "string"], description="Why; kept in the journal. pause and release_lease need one."
    ),
    "for": Param(
        None, type=["null", "string"], description="How long a pause holds: 2h, 3d; until it is resumed if empty."
    ),
    "stop_after": Param(
        None,
        type=["null", "string"],
        enum=[None, "", "host", "batch"],  # "" from scripts that fill in everything
        description="A pause stops the open operation too, once the hosts in flight, or all of the batch, are done.",
    ),
    "version": Param(
        None,
        type=["null", "string"],
        pattern=VERSION_PATTERN,
        description="For preflight and warmup; for rollback_check the target, empty: which versions can be reached.",
    ),
    "requested_by": Param(None, type=["null", "string"], description="Who asked, where a service asks for them."),
}


def build_control(environment: Environment) -> DAG:
    """Make the control DAG of one environment."""
    with DAG(
        control_dag(environment.name),
        description=f"Pauses, resumes, releases or looks at {environment.name}",
        doc_md=control_runbook(environment.name),
        schedule=None,
        allowed_run_types=["manual"],
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=16,
        is_paused_upon_creation=False,
        params=PARAMS,
        tags=["takeoff", environment.name],
    ) as dag:
        ControlOperator(environment=environment.name, task_id="control", doc_md=control_runbook(environment.name))
    return dag


for loaded in load_environments():
    if isinstance(loaded, LoadedEnvironment):
        build_control(loaded.environment)
