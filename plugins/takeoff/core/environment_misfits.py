"""What the parts of an environment file cannot see of each other: double names, roles nobody has, checks of nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from takeoff.core.hosts import duplicates
from takeoff.core.package_settings import AptCacheSource
from takeoff.core.recipes import GITLAB_RECIPES

if TYPE_CHECKING:
    from takeoff.core.check_settings import PostDeployChecks, StageChecks
    from takeoff.core.environment import Environment, Path

RESERVED_NAMES = ("qa", "alerts", "post_deploy", "roll_back")
"""No stage or role may be called so: the ids of a run's tasks would not be unique."""

TASK_LIMIT = 30
"""Tasks of one run, however large the fleet: more cannot be read in Airflow's graph."""

CHECKS = ("qa", "alerts")
"""Settings of the environment that a stage, or post-deploy migrations, may ask to be checked."""


def misfits(environment: Environment) -> Iterator[tuple[Path, str]]:
    """Find what each part of the file cannot see of the others, with the path of the part that is wrong."""
    env, used = environment, environment.role_names
    for name in duplicates(stage.name for stage in env.stages):
        yield ("stages",), f"stage {name!r} is there twice"
    places: dict[str, Path] = {env.deploy_node.name: ("deploy_node",)}
    for number, stage in enumerate(env.stages):
        for role, part in stage.roles.items():
            path = ("stages", number, "roles", role)
            if role not in env.roles:
                known = ", ".join(GITLAB_RECIPES)
                hint = f"describe it under `roles` with a `health` check (GitLab's own have one: {known})"
                yield path, f"role {role!r} has no recipe: {hint}"
            for host in part.hosts:
                if host.name in places:
                    yield path, f"host {host.name!r} is named twice; a host has one place"
                places[host.name] = path
    for number, stage in enumerate(env.stages):
        for name in (stage.name, *stage.roles):
            if name in RESERVED_NAMES:
                reserved = ", ".join(RESERVED_NAMES)
                yield ("stages", number), f"{name!r} would clash with a task's id ({reserved}); choose another name"
    # Ten tasks stand in every run; QA and alerts may follow each stage.
    tasks = 10 + sum(len(stage.roles) + 2 for stage in env.stages)
    if tasks > TASK_LIMIT:
        yield ("stages",), f"make a run of up to {tasks} tasks, more than the {TASK_LIMIT} that can be read in a graph"
    for role in used:
        if role in env.roles and env.batch_for(role).is_zero:
            where = ("roles", role, "batch") if env.roles[role].batch else ("batch",)
            yield where, f"a batch of 0 hosts of role {role!r} could never move one"
    yield from _check_misfits(env)
    if env.rollback_order is not None and sorted(env.rollback_order) != sorted(used):
        yield ("rollback_order",), f"must name each role once: {', '.join(used)}"
    yield from _balancer_misfits(env, places)
    for number, source in enumerate(env.package.sources):
        if isinstance(source, AptCacheSource) and source.host is not None and source.host not in places:
            yield ("package", "sources", number, "host"), f"host {source.host!r} is in no stage"


def _check_misfits(env: Environment) -> Iterator[tuple[Path, str]]:
    for number, stage in enumerate(env.stages):
        yield from _unconfigured(env, ("stages", number, "checks"), stage.checks)
        if stage.checks.bake is not None and not env.checks_of(stage).alerts:
            looks = "configure `alerts`" if env.alerts is None else "add `alerts: true`"
            yield ("stages", number, "checks", "bake"), f"is how long alerts are watched, and none are: {looks}"
    if env.post_deploy == "manual":
        yield from _unconfigured(env, ("post_deploy_checks",), env.post_deploy_checks)
        return
    for name in (name for name in CHECKS if getattr(env.post_deploy_checks, name)):
        own = "the deploy whose first step the migrations are checks with its own QA and alerts"
        yield ("post_deploy_checks", name), f"is for `post_deploy: manual` only: {own}; leave it out"


def _unconfigured(env: Environment, path: Path, asked: StageChecks | PostDeployChecks) -> Iterator[tuple[Path, str]]:
    for name in CHECKS:
        if getattr(asked, name) and getattr(env, name) is None:
            reason = f"asks for {name}, but the environment has no `{name}`: configure it, or leave this out"
            yield (*path, name), reason


def _balancer_misfits(env: Environment, places: Mapping[str, Path]) -> Iterator[tuple[Path, str]]:
    inventories = any(part.inventory for stage in env.stages for part in stage.roles.values())
    for name in duplicates(balancer.name for balancer in env.load_balancers):
        yield ("load_balancers",), f"load balancer {name!r} is there twice"
    for number, balancer in enumerate(env.load_balancers):
        path = ("load_balancers", number)
        for backend, settings in balancer.backends.items():
            for role in settings.roles:
                if role not in env.role_names:
                    yield (*path, "backends", backend), f"no stage has role {role!r}"
        for host, servers in balancer.servers.items():
            if host not in places and not inventories:
                yield (*path, "servers", host), f"host {host!r} is in no stage"
            for name in servers:
                if name.count("/") != 1:
                    yield (*path, "servers", host), f"{name!r} is not of the form backend/server"
