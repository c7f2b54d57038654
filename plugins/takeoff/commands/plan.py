"""`takeoff plan` and `preflight`: what a deploy would do, and what forbids it; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import Env, Json, Skips, Version, asking_user, env_first, is_environment, parse_skips
from takeoff.commands.console import print_json, say, show_findings, show_table
from takeoff.commands.running import run_in_session

if TYPE_CHECKING:
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
    """What a deploy of VERSION would do: tasks, batches, and how few hosts serve meanwhile."""
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
    say(f"tasks: {' → '.join(plan.tasks)}")
    lines = [
        (
            rollout.task,
            len(rollout.hosts),
            len(rollout.staying),
            rollout.batch,
            f"{rollout.lowest_serving} of {rollout.role_hosts} (floor {rollout.floor})",
        )
        for rollout in plan.rollouts
    ]
    say("")
    show_table(("ROLLOUT", "MOVE", "STAY", "AT ONCE", "LOWEST SERVING"), lines)
    if found.silent:
        say(f"no answer from {', '.join(found.silent)}: what they have is unknown")
    for problem in plan.problems:
        say(f"  ✗ {problem}")
    say(f"plan {found.digest[:12]}")


def _show_verdict(verdict: Verdict) -> None:
    say(f"from {verdict.from_version or 'nothing recorded'}: {'reachable' if verdict.reachable else 'NOT reachable'}")
    show_findings(verdict.refusals)
    if verdict.targets:
        say(f"  a rollback reaches: {', '.join(verdict.targets)}")
