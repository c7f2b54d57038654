"""Ids of a run's tasks: static, from the environment file; the DAGs, the command and the journal share them."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

from takeoff.core.environment import Environment

NEW_PACKAGE = "new_package"
PREFLIGHT = "preflight"
LEASE = "lease"
PENDING_POST_DEPLOY = "pending_post_deploy"
WARMUP = "warmup"
MIGRATIONS = "migrations"
FINISH = "finish"
APPROVE = "post_deploy.approve"
POST_DEPLOY = "post_deploy.migrations"
POST_DEPLOY_QA = "post_deploy.qa"
POST_DEPLOY_ALERTS = "post_deploy.alerts"

VERDICT = "verdict"
PAUSE_DEPLOYS = "pause_deploys"
STOP_DEPLOY = "stop_deploy"
QA = "qa"
ALERTS = "alerts"


class TaskKind(StrEnum):
    """What a task does, whatever its id."""

    NEW_PACKAGE = "new_package"
    PREFLIGHT = "preflight"
    LEASE = "lease"
    PENDING_POST_DEPLOY = "pending_post_deploy"
    WARMUP = "warmup"
    MIGRATIONS = "migrations"
    ROLLOUT = "rollout"
    QA = "qa"
    ALERTS = "alerts"
    FINISH = "finish"
    APPROVE = "approve"
    POST_DEPLOY = "post_deploy"
    VERDICT = "verdict"
    PAUSE_DEPLOYS = "pause_deploys"
    STOP_DEPLOY = "stop_deploy"


class TaskSpec(NamedTuple):
    """One task.

    Attributes:
        id: as Airflow and the journal name it: ``main.web``.
        kind: what it does.
        stage: whose hosts it concerns; empty if all.
        role: whose hosts it concerns; empty if all.
    """

    id: str
    kind: TaskKind
    stage: str = ""
    role: str = ""


def deploy_tasks(environment: Environment) -> tuple[TaskSpec, ...]:
    """List the tasks of ``deploy_<environment>`` in order."""
    manual = environment.post_deploy == "manual"
    return (
        TaskSpec(NEW_PACKAGE, TaskKind.NEW_PACKAGE),
        TaskSpec(PREFLIGHT, TaskKind.PREFLIGHT),
        TaskSpec(LEASE, TaskKind.LEASE),
        *deploying_tasks(environment),
        *((TaskSpec(APPROVE, TaskKind.APPROVE), *post_deploy_tasks(environment)) if manual else ()),
    )


def deploying_tasks(environment: Environment) -> tuple[TaskSpec, ...]:
    """List the tasks that a deploy's operation journals, from the one after it opened to the one that closes it."""
    first = environment.post_deploy == "next_deploy"
    tasks = [
        *((TaskSpec(PENDING_POST_DEPLOY, TaskKind.PENDING_POST_DEPLOY),) if first else ()),
        TaskSpec(WARMUP, TaskKind.WARMUP),
        TaskSpec(MIGRATIONS, TaskKind.MIGRATIONS),
    ]
    for stage in environment.stages:
        tasks += [TaskSpec(f"{stage.name}.{role}", TaskKind.ROLLOUT, stage.name, role) for role in stage.roles]
        checks = environment.checks_of(stage)
        tasks += [TaskSpec(f"{stage.name}.{QA}", TaskKind.QA, stage.name)] if checks.qa else []
        tasks += [TaskSpec(f"{stage.name}.{ALERTS}", TaskKind.ALERTS, stage.name)] if checks.alerts else []
    tasks.append(TaskSpec(FINISH, TaskKind.FINISH))
    return tuple(tasks)


def post_deploy_tasks(environment: Environment) -> tuple[TaskSpec, ...]:
    """List the tasks of a post-deploy operation: the migrations, and the checks that are chosen; the last closes it."""
    checks = environment.post_deploy_checks
    return (
        TaskSpec(POST_DEPLOY, TaskKind.POST_DEPLOY),
        *((TaskSpec(POST_DEPLOY_QA, TaskKind.QA),) if checks.qa else ()),
        *((TaskSpec(POST_DEPLOY_ALERTS, TaskKind.ALERTS),) if checks.alerts else ()),
    )


def converge_tasks(environment: Environment, hosts: Collection[str]) -> tuple[TaskSpec, ...]:
    """List the tasks that bring some hosts to the recorded version, in order; named as a deploy's."""
    places = dict.fromkeys((one.stage, one.role) for one in environment.members() if one.host.name in hosts)
    return (
        TaskSpec(WARMUP, TaskKind.WARMUP),
        *(TaskSpec(f"{stage}.{role}", TaskKind.ROLLOUT, stage, role) for stage, role in places),
        TaskSpec(FINISH, TaskKind.FINISH),
    )


def rollback_tasks(environment: Environment) -> tuple[TaskSpec, ...]:
    """List the tasks of ``rollback_<environment>`` in order; each role's hosts of all stages move in one task."""
    last = environment.checks_of(environment.stages[-1])
    return (
        TaskSpec(VERDICT, TaskKind.VERDICT),
        TaskSpec(PAUSE_DEPLOYS, TaskKind.PAUSE_DEPLOYS),
        TaskSpec(STOP_DEPLOY, TaskKind.STOP_DEPLOY),
        TaskSpec(WARMUP, TaskKind.WARMUP),
        *(TaskSpec(f"roll_back.{role}", TaskKind.ROLLOUT, "", role) for role in environment.roles_in_rollback_order()),
        *((TaskSpec(QA, TaskKind.QA),) if last.qa else ()),
        *((TaskSpec(ALERTS, TaskKind.ALERTS),) if last.alerts else ()),
        TaskSpec(FINISH, TaskKind.FINISH),
    )
