"""The runbooks of the rollback and of the control DAG, shown in Airflow beside DAG and task."""

from __future__ import annotations

from takeoff.core.environment import Environment
from takeoff.core.rollback_refusals import FORCEABLE
from takeoff.core.task_ids import TaskKind, TaskSpec, rollback_tasks
from takeoff.operators.runbooks import Runbook, runbook_text, task_runbook

_TASKS: dict[TaskKind, Runbook] = {
    TaskKind.VERDICT: Runbook(
        does=(
            "Says from journal, package sources and hosts whether the version can be reached: it ran here before, no "
            "post-deploy migration of a later version has begun, the package is still there, and no forbidden mix of "
            "versions lies on the way. Changes nothing."
        ),
        failure="The log names each refusal, since when, and which versions can be reached.",
        action=(
            "Start a new run with a version that can be reached. A refusal can be passed by `force: "
            '{{"NAME": "reason"}}`; past a point of no return only if the database was brought back too.'
        ),
    ),
    TaskKind.PAUSE_DEPLOYS: Runbook(
        does="Holds automatic deploys. They stay held after the rollback, until a person resumes them.",
        failure="The journal could not be written. Nothing was changed.",
        action="Bring the blessed node back, then clear this task.",
    ),
    TaskKind.STOP_DEPLOY: Runbook(
        does=(
            "Ends the operation that is open and takes its lease. Every host and balancer is told, so that the former "
            "one can change nothing more; its Airflow run is ended; host jobs of it that still run are waited for; "
            "then the verdict is asked once more."
        ),
        failure=(
            "A host job of the former operation does not end, or the verdict has changed. The rollback's operation is "
            "open by then and holds the lease."
        ),
        action="Look at the host that the log names, then clear this task; or start a rollback to another version.",
    ),
    TaskKind.ROLLOUT: Runbook(
        does=(
            "Takes the hosts of this role, of all stages, back: drain, install the older package, reconfigure without "
            "migrations, restart, health check, back into service. Never fewer serving hosts than the floor."
        ),
        failure="More hosts failed than the failure budget allows. No further host was begun; the fleet is mixed.",
        action="The log says what became of each host. Repair the host, then clear this task: the rest is done.",
    ),
    TaskKind.FINISH: Runbook(
        does=(
            "Installs the version on the blessed node, without any migration; looks at every host; records the version "
            "as deployed and the one that was left as rejected; closes the operation."
        ),
        failure="A host does not run the version, or is not well. The lease is kept.",
        action="The log names the host. Clear the rollout of its role first, then this task.",
    ),
}


def rollback_task_runbook(task: TaskSpec, environment: str) -> str:
    """Write the runbook of a rollback's task in Markdown."""
    own = _TASKS.get(task.kind)
    return runbook_text(own, environment) if own is not None else task_runbook(task, environment)


def rollback_runbook(environment: Environment) -> str:
    """Write the runbook of ``rollback_<environment>`` in Markdown."""
    name, package = environment.name, environment.package.name
    roles = " → ".join(spec.role for spec in rollback_tasks(environment) if spec.kind is TaskKind.ROLLOUT)
    return f"""### Take `{name}` back to an older `{package}`

**By hand**: *Trigger*, with `version` and `reason`. First look, without any risk: `takeoff plan {name} VERSION
--rollback`, or just start it: a version that cannot be reached is refused before anything is changed.

It pauses deploys, ends a deploy that is under way (also one whose process died or hangs), and takes all stages back,
role by role: {roles}; the blessed node last, without migrations.

**Refused?** The verdict names why. After post-deploy migrations have begun, no version before theirs runs on the
database any more: go forward instead. `force` passes {", ".join(f"`{one}`" for one in FORCEABLE)}, each with a reason:
`{{"{FORCEABLE[0]}": "database restored"}}`; the journal keeps who and why.

**A task failed**: repair what its log names, then *Clear* it: it goes on where it stopped.

**Afterwards** the version that was left is rejected and deploys stay paused: `takeoff resume {name}`, or
`control_{name}` with the action `resume`. The next newer version is deployed then.
"""


def control_runbook(environment: str) -> str:
    """Write the runbook of ``control_<environment>`` in Markdown."""
    return f"""### One action on `{environment}`

*Trigger* with an `action`; what came of it is the run's note.

| action | does | needs |
|---|---|---|
| `pause` | holds automatic deploys; a deploy that is under way goes on | `reason`; `for` ends it by itself |
| `pause` with `stop_after` | also stops the operation that is open: hosts in flight (`host`), or all of the batch \
(`batch`), are finished and serve, none begins after them | `reason`; `resume`, then *Clear* the task, goes on |
| `resume` | lets them go on; switches `deploy_{environment}` on too | |
| `release_lease` | gives the open operation up; the fleet may stay mixed | `reason` |
| `rollback_check` | says whether a rollback to `version` is possible, or which versions can be reached | |
| `look` | brings the status that the web side shows up to date | |

The toggle of `deploy_{environment}` is only the hold's sign: it is switched off with a pause that has no end while no
run is in flight. To deploy by hand while it is paused, give `skip: {{"paused": "reason"}}`, and switch the toggle on.

**It failed**: the log's last line says why; nothing was changed. Correct it and trigger again.
"""
