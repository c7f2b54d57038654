"""The operator's runbook: what each task does, what its failure means, what to do. Shown in Airflow beside the task."""

from __future__ import annotations

from typing import NamedTuple

from takeoff.core.environment import Environment
from takeoff.core.strict_model import format_duration
from takeoff.core.task_ids import POST_DEPLOY_ALERTS, POST_DEPLOY_QA, TaskKind, TaskSpec, post_deploy_tasks


class Runbook(NamedTuple):
    """What an operator reads beside a task; ``{environment}`` is filled in.

    Attributes:
        does: what the task does.
        failure: what it means that it failed.
        action: what to do then.
    """

    does: str
    failure: str
    action: str


_TASKS: dict[TaskKind, Runbook] = {
    TaskKind.NEW_PACKAGE: Runbook(
        does=(
            "Asks the package sources for a version that qualifies and is newer than the deployed one; a version given "
            "when the run was started is looked up instead. Nothing new: every later task is skipped, the run ends "
            "well."
        ),
        failure=(
            "No source answered, or an answer cannot be believed (signature, keyring, expired index); or the version "
            "that was asked for is in no source. Nothing was changed anywhere."
        ),
        action=(
            "Read the last line of the log: it names the source. Repair it, then clear this task. `takeoff packages "
            "{environment}` shows what every source holds and why each version was passed over."
        ),
    ),
    TaskKind.PREFLIGHT: Runbook(
        does=(
            "Looks at every gate (hold, freeze, upgrade path, background migrations, lease, …) and at every host "
            "(reachable, host key, disk, dpkg, what is installed), and reports all findings at once. Changes nothing."
        ),
        failure=(
            "At least one finding forbids the deploy; the log has them all, the run's note the first. An automatic run "
            "that only has to wait (held, busy, frozen) does not fail: it ends well, its later tasks skipped."
        ),
        action=(
            "Repair what is named, then clear this task. A gate can be passed: start the run anew with `skip: "
            '{{"GATE": "reason"}}`; the reason goes into the journal. `takeoff preflight {environment}` shows the '
            "same."
        ),
    ),
    TaskKind.LEASE: Runbook(
        does=(
            "Reads the hold once more and takes the lease of the environment in the same step; from here on an "
            "operation of this run is open, and everything it does is in the journal. Older approvals are answered "
            "*Reject: superseded*."
        ),
        failure=(
            "Another operation holds the environment, deploys were paused meanwhile, or Alertmanager gave no baseline. "
            "Nothing was changed on a host."
        ),
        action=(
            "`takeoff status {environment}` says who holds it. Wait for that operation, or end it: a retry of its run, "
            "a rollback, or `takeoff lease {environment} --release --reason R`. Then clear this task."
        ),
    ),
    TaskKind.PENDING_POST_DEPLOY: Runbook(
        does=(
            "Runs the post-deploy migrations that the installed version still has pending, on the blessed node, as the "
            "first step of this deploy (`post_deploy: next_deploy`). A point of no return is recorded before they "
            "begin."
        ),
        failure=("A migration failed, or a host does not run the installed version. The old version still serves."),
        action=(
            "Look at the migration's log on the blessed node; it is never tried again by itself. Repair, then clear "
            "this task."
        ),
    ),
    TaskKind.WARMUP: Runbook(
        does=(
            "Downloads the package on every host and verifies its SHA256 against the signed index. Nothing is "
            "installed."
        ),
        failure=("Hosts could not download, lack disk space, or got another file than the index promises."),
        action=("The log names each host. Repair, then clear this task: only what failed is downloaded again."),
    ),
    TaskKind.MIGRATIONS: Runbook(
        does=(
            "Installs the package on the blessed node, which serves no users, and runs the regular migrations there; "
            "the post-deploy ones are skipped and counted. The version that serves tolerates the result."
        ),
        failure=("The install or a migration failed. The fleet still runs the old version, and users are served."),
        action=(
            "Look at the log of the migration on the blessed node (its end is in this task's log). It is never tried "
            "again by itself. Repair, then clear this task; or roll back."
        ),
    ),
    TaskKind.ROLLOUT: Runbook(
        does=(
            "Moves the hosts of this stage and role to the version, batch by batch: drain, install, reconfigure "
            "without migrations, restart, health check, back into service. Never fewer serving hosts than the floor."
        ),
        failure=(
            "More hosts failed than the failure budget allows. No further host was begun, and none that is not healthy "
            "was put back. Or somebody stopped it (`stop_after`): hosts in flight were finished. Marked failed, it "
            "has five seconds; then the jobs on the hosts in flight end by themselves, and these hosts stay "
            "drained. The fleet is mixed: this run keeps the lease."
        ),
        action=(
            "The log says for each host: changed, unchanged, failed, unreachable, not reached, and why. Repair the "
            "host, then clear this task: only what was not done is done, and hosts left drained are finished. Or start "
            "`rollback_{environment}`. To stop it with nothing drained: `control_{environment}`, action `pause` with "
            "`stop_after`."
        ),
    ),
    TaskKind.QA: Runbook(
        does=(
            "Runs the QA pipeline of the environment's GitLab project and waits for it without a worker. Its test "
            "report judges: no tests, an unreadable report, a skipped, canceled or waiting pipeline is no pass. Failed "
            "jobs run again as often as `qa.retries` says, and are told as flaky."
        ),
        failure=("A test failed, or it is unknown whether tests passed."),
        action=(
            "Open the pipeline that the log names. A broken product: fix forward or roll back. A broken test "
            "environment: repair it, then clear this task: the failed jobs run again in the same pipeline."
        ),
    ),
    TaskKind.ALERTS: Runbook(
        does=(
            "Watches the critical alerts of the stage for its bake time, without a worker. Alerts that fired before "
            "the operation began are told, not judged. The heartbeat alert must fire, or no alerts means nothing."
        ),
        failure=(
            "A new critical alert fires, the heartbeat is missing, or Alertmanager gives no answer that can be read."
        ),
        action=(
            "Look at the alert that the log names. If the new version causes it: roll back. If not: repair or silence "
            "it, then clear this task; the bake begins anew."
        ),
    ),
    TaskKind.FINISH: Runbook(
        does=(
            "Checks that every host runs the version, records it as deployed, closes the operation and gives the lease "
            "back; tells chat and GitLab, and starts the next deploy if a newer version has come meanwhile."
        ),
        failure=("A host does not run the version, or the journal could not be written. The lease is kept."),
        action=("The log names the host. Clear the rollout of that host's stage and role first, then this task."),
    ),
    TaskKind.APPROVE: Runbook(
        does=(
            "Waits for a person's yes to the post-deploy migrations, without a worker; it holds up no other deploy. No "
            "answer in time counts as *Reject*; a newer deploy answers it *Reject: superseded*. Skipped if none are "
            "pending."
        ),
        failure=("The journal could not be read, or a newer version is deployed by now."),
        action=(
            "Answer under *Required Actions*: read which migrations will run and which versions a rollback will no "
            "longer reach. To be asked again, clear this task, or use `takeoff post-deploy {environment}`."
        ),
    ),
    TaskKind.POST_DEPLOY: Runbook(
        does=(
            "Records the point of no return, then runs the post-deploy migrations on the blessed node: an operation of "
            "its own, only while every host runs this version. No version before it can run afterwards."
        ),
        failure=(
            "A migration failed and may have changed the database in part; the point of no return counts. Or it was "
            "refused: nothing was changed then."
        ),
        action=(
            "Look at the migration's log on the blessed node; it is never tried again by itself. Repair forward, then "
            "clear this task. A rollback to an older version is refused."
        ),
    ),
}


_RED_AFTER_MIGRATIONS = (
    "The migrations themselves are done, and no version before theirs can come back. Their operation stays open and "
    "keeps the lease, so that nothing is deployed on top of it."
)
_AFTER_MIGRATIONS: dict[str, Runbook] = {
    POST_DEPLOY_QA: Runbook(
        does=(
            "Runs the QA pipeline once more, on the migrated database (`post_deploy_checks`), as a stage's QA does. "
            "Skipped if no migrations were pending. The last check that passes closes the operation."
        ),
        failure=f"A test failed, or it is unknown whether tests passed. {_RED_AFTER_MIGRATIONS}",
        action=(
            "Open the pipeline that the log names. Repair what it found, then clear this task, or `takeoff post-deploy "
            "{environment}`: no migration runs again. Only a newer version can repair it? `takeoff lease {environment} "
            "--release --reason R` lets it be deployed."
        ),
    ),
    POST_DEPLOY_ALERTS: Runbook(
        does=(
            "Watches the critical alerts for the last stage's bake time once more, after the migrations "
            "(`post_deploy_checks`), without a worker. Alerts that fired before the migrations began are told, not "
            "judged. Skipped if no migrations were pending. The last check that passes closes the operation."
        ),
        failure=(
            "A new critical alert fires, the heartbeat is missing, or Alertmanager gives no answer that can be read. "
            f"{_RED_AFTER_MIGRATIONS}"
        ),
        action=(
            "Look at the alert that the log names; repair or silence it, then clear this task, or `takeoff post-deploy "
            "{environment}`: no migration runs again, the bake begins anew. Only a newer version can repair it? "
            "`takeoff lease {environment} --release --reason R` lets it be deployed."
        ),
    ),
}


def task_runbook(task: TaskSpec, environment: str) -> str:
    """Write the runbook of a deploy's task in Markdown."""
    return runbook_text(_AFTER_MIGRATIONS.get(task.id) or _TASKS[task.kind], environment)


def runbook_text(runbook: Runbook, environment: str) -> str:
    """Write a runbook in Markdown."""
    does, failure, action = (text.format(environment=environment) for text in runbook)
    return f"**What it does.** {does}\n\n**If it fails.** {failure}\n\n**What to do.** {action}"


def _checked_after(environment: Environment) -> str:
    checks = [task.id for task in post_deploy_tasks(environment)[1:]]
    return f" {' and '.join(f'`{task}`' for task in checks)} follow them, under the same lease." if checks else ""


def deploy_runbook(environment: Environment) -> str:
    """Write the runbook of ``deploy_<environment>`` in Markdown."""
    name, package = environment.name, environment.package.name
    description = f"{environment.description.rstrip('.')}.\n\n" if environment.description else ""
    stages = " → ".join(stage.name for stage in environment.stages)
    schedule = f"`{environment.schedule}` (UTC), and at once" if environment.schedule else "Only"
    expiry = format_duration(environment.approval.expires)
    later = (
        f"**Post-deploy migrations** wait {expiry} for a yes in `post_deploy.approve`; they are a point of no return."
        f"{_checked_after(environment)}"
        if environment.post_deploy == "manual"
        else "**Post-deploy migrations** run as the first step of the next deploy; they are a point of no return."
    )
    return f"""### Deploy `{package}` to `{name}`

{description}Warms the package up on every host, migrates on `{environment.deploy_node.name}`, rolls out {stages},
checks with QA and alerts. {schedule} when the asset `takeoff.package.{name}` rings.

**By hand**: *Trigger*, with `version` (empty: the newest that qualifies), `reason`, and `skip` to pass a gate:
`{{"freeze": "reason"}}`.

**A task failed**: read its log's last line and its own runbook (*Task → Docs*). Repair, then *Clear* that task: it goes
on where it stopped, and nothing is done twice. The run keeps the environment's lease until it is finished, rolled back
or released, because the fleet may be mixed.

**Stop deploys**: `takeoff pause {name} --reason R`; `takeoff resume {name}` lets them go on. With `--stop-after host`
the run that is under way stops too, with no host in flight. Airflow's own toggle freezes it, whatever is drained.

**Where are we**: `takeoff status {name}` · `takeoff why {name}` · `takeoff journal {name}`

{later}
"""
