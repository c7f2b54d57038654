"""`takeoff plan` and `preflight`: what a deploy would do, and what forbids it; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import Env, Json, Skips, Version, asking_user, env_first, is_environment, parse_skips
from takeoff.commands.console import print_json, say, show_findings, show_table
from takeoff.commands.running import run_in_session

if TYPE_CHECKING:
    from takeoff.core.estimate import Estimate, TaskEstimate
    from takeoff.core.plan import PlannedRollout
    from takeoff.core.verdict import Verdict
    from takeoff.engine.plan_view import PlanView
    from takeoff.engine.preflight import Preflight
    from takeoff.engine.session import Session

REFUSED = 3
"""Exit status of a plan that cannot be carried out."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(plan)
    app.command()(preflight)


def plan(
    env: Env,
    version: Version,
    rollback: Annotated[bool, typer.Option("--rollback", help="Plan a rollback, with its verdict.")] = False,
    json: Json = False,
) -> None:
    """What a deploy of VERSION would do: tasks, batches, how few hosts serve meanwhile, and about how long."""
    from takeoff.engine.plan_view import view_plan

    env, version = env_first(env, version)
    found = run_in_session(env, lambda session: view_plan(session, version, rollback=rollback))
    print_json(found) if json else _show_plan(found)
    if found.plan.problems or (found.verdict is not None and not found.verdict.reachable):
        raise typer.Exit(REFUSED)


def preflight(
    env: Env,
    version: Annotated[str, typer.Argument(metavar="[VERSION]", help="The newest that qualifies if absent.")] = "",
    skip: Skips = None,
    json: Json = False,
) -> None:
    """Every gate and every host looked at, all findings at once."""
    env, version = env_first(env, version) if version and not is_environment(env) else (env, version)
    skips = parse_skips(skip)
    found = run_in_session(env, lambda session: _preflight(session, version, skips))
    print_json(found) if json else show_preflight(found)
    if found.blockers:
        raise typer.Exit(REFUSED)


def show_preflight(found: Preflight) -> None:
    """Print what preflight found."""
    say(found.sentence)
    show_findings(found.findings)


async def _preflight(session: Session, version: str, skips: dict[str, str]) -> Preflight:
    from takeoff.core.errors import VersionError
    from takeoff.engine.opening import DeployRequest
    from takeoff.engine.packages import look_for_packages
    from takeoff.engine.preflight import preflight

    if not version:
        record = await session.journal.read()
        report = await look_for_packages(session, deployed=record.deployed_version, rejected=record.rejected)
        report.raise_without_answer()
        # Without a newer one, the question is whether the hosts are well with what they have.
        version = report.version or record.deployed_version
        if not version:
            name = report.environment
            raise VersionError(f"no version qualifies and none is recorded: name one (`takeoff packages {name}`)")
    return await preflight(session, DeployRequest(version=version, by=asking_user(), skips=skips))


def _show_plan(found: PlanView) -> None:
    plan = found.plan
    kind = "rollback" if plan.rollback else "deploy"
    say(f"{kind} of {plan.environment} to {plan.version}")
    if found.verdict is not None:
        _show_verdict(found.verdict)
    moving, about = {one.task: one for one in plan.rollouts}, {one.task: one for one in found.estimate.tasks}
    lines = [
        (task, _about(about.get(task)), *(_rollout(moving[task]) if task in moving else ("",) * 5))
        for task in plan.tasks
    ]
    say("")
    show_table(("TASK", "ABOUT", "MOVE", "STAY", "AT ONCE", "BATCHES", "LOWEST SERVING"), lines)
    say("")
    say(_time_of(found.estimate))
    if found.silent:
        say(f"no answer from {', '.join(found.silent)}: what they have is unknown")
    for problem in plan.problems:
        say(f"  ✗ {problem}")
    if plan.rollback:
        say(f"plan {found.digest}")
    else:
        say(f"plan {found.digest} (`takeoff deploy {plan.environment} {plan.version} --plan {found.digest}`)")


def _rollout(rollout: PlannedRollout) -> tuple[object, ...]:
    lowest = f"{rollout.lowest_serving} of {rollout.role_hosts} (floor {rollout.floor})"
    return len(rollout.hosts), len(rollout.staying), rollout.batch, rollout.rounds, lowest


def _about(estimate: TaskEstimate | None) -> str:
    if estimate is None:
        return ""
    return "no history" if estimate.seconds is None else _duration(estimate.seconds)


def _time_of(estimate: Estimate) -> str:
    """Say how long it may take, and what of it nobody knows."""
    known = f"about {_duration(estimate.seconds)}, as earlier ones took"
    if not estimate.unknown:
        return known
    unknown = f"no history of {', '.join(estimate.unknown)}"
    return f"{known}; {unknown}" if estimate.seconds else unknown


def _duration(seconds: float) -> str:
    from datetime import timedelta

    from takeoff.core.strict_model import format_duration

    # Seconds of a task that takes an hour would claim what nobody knows.
    rounded = round(seconds) if seconds < 120 else round(seconds / 60) * 60
    return format_duration(timedelta(seconds=rounded))


def _show_verdict(verdict: Verdict) -> None:
    say(f"from {verdict.from_version or 'nothing recorded'}: {'reachable' if verdict.reachable else 'NOT reachable'}")
    show_findings(verdict.refusals)
    if verdict.targets:
        say(f"  a rollback reaches: {', '.join(verdict.targets)}")
