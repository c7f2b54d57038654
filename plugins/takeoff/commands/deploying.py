"""`takeoff adopt`, `deploy` and `post-deploy`: changing an environment, as its DAG would."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import Env, Skips, Version, asking_user, env_first, parse_skips
from takeoff.commands.console import say
from takeoff.commands.running import run_in_session

if TYPE_CHECKING:
    from takeoff.engine.opening import DeployRequest
    from takeoff.engine.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(adopt)
    app.command()(deploy)
    app.command("post-deploy")(post_deploy)


def adopt(env: Env) -> None:
    """First use: record what every host has installed."""
    from takeoff.engine.adoption import adopt

    record = run_in_session(env, lambda session: adopt(session, by=asking_user()))
    say(f"{env} is adopted: {record.deployed_version or 'the package is installed nowhere yet'}")


def deploy(
    env: Env,
    version: Version,
    only: Annotated[str, typer.Option("--only", metavar="TASK", help="Carry out this task alone.")] = "",
    skip: Skips = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the journal.")] = "",
    plan: Annotated[
        str,
        typer.Option("--plan", metavar="HASH", help="Refuse if anything changed since `takeoff plan` printed it."),
    ] = "",
    rollback: Annotated[bool, typer.Option("--rollback", help="The same as `takeoff rollback`.")] = False,
    warmup: Annotated[bool, typer.Option("--warmup", help="Only download and verify it on every host.")] = False,
) -> None:
    """Deploy VERSION, or go on with its open deploy at the first unfinished task."""
    from takeoff.commands.deploy_progress import DeployProgress
    from takeoff.commands.rolling_back import carry_out_rollback
    from takeoff.commands.stopping import run_stoppable
    from takeoff.engine import deploying
    from takeoff.engine.opening import DeployRequest

    env, version = env_first(env, version)
    if rollback:
        if only or skip or warmup or plan:
            raise typer.BadParameter("--rollback goes alone: see `takeoff rollback --help`")
        carry_out_rollback(env, version, reason, None)
        return
    request = DeployRequest(version=version, by=asking_user(), reason=reason, skips=parse_skips(skip), plan=plan)
    if warmup:
        if only or skip or plan:
            raise typer.BadParameter("--warmup goes with none of --only, --skip and --plan: it passes no gate")
        _warm_up(env, request)
        return
    with DeployProgress() as progress:
        operation = run_stoppable(
            env,
            lambda session: deploying.deploy(session, request, progress, only=only),
            progress,
            again=f"takeoff deploy {env} {version}",
        )
    if operation and not only:
        _tell_pending(env)


def post_deploy(
    env: Env,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for a confirmation.")] = False,
    skip: Skips = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the journal.")] = "",
) -> None:
    """Run the pending post-deploy migrations, a point of no return, and the checks that the file chooses after them."""
    from takeoff.commands.deploy_progress import DeployProgress
    from takeoff.commands.stopping import run_stoppable
    from takeoff.engine.opening import DeployRequest
    from takeoff.engine.post_deploy import carry_out_post_deploy, post_deploy_outlook

    skips, by = parse_skips(skip), asking_user()
    outlook = run_in_session(env, post_deploy_outlook)
    if outlook.names:
        say(f"pending post-deploy migrations of {outlook.version}:")
        for name in outlook.names:
            say(f"  {name}")
        lost = ", ".join(outlook.unreachable_after) or "none that was reachable"
        say(f"a rollback will no longer reach: {lost}")
        confirm_point_of_no_return(yes=yes, asked=sys.stdin.isatty())
    elif outlook.operation:
        say(f"{outlook.operation} is open still, its post-deploy migrations of {outlook.version} are done")
    else:
        say(f"no post-deploy migrations of {outlook.version or env} are pending")
        return
    request = DeployRequest(version=outlook.version, by=by, reason=reason, skips=skips)
    with DeployProgress() as progress:
        told = run_stoppable(
            env,
            lambda session: carry_out_post_deploy(session, request, progress),
            progress,
            again=f"takeoff post-deploy {env}",
        )
    say(told)


def confirm_point_of_no_return(*, yes: bool, asked: bool) -> None:
    """Get a person's yes.

    Args:
        yes: it was given with the command.
        asked: whether somebody is there to be asked.

    Raises:
        ConfigError: neither.
    """
    from takeoff.core.errors import ConfigError

    if yes:
        return
    if not asked:
        raise ConfigError("this is a point of no return: give --yes where nobody can be asked")
    typer.confirm("Run them now?", abort=True)


def _warm_up(env: str, request: DeployRequest) -> None:
    from takeoff.commands.deploy_progress import DeployProgress
    from takeoff.commands.stopping import run_stoppable
    from takeoff.engine.warming_up import warm_up_alone

    with DeployProgress() as progress:
        result = run_stoppable(
            env,
            lambda session: warm_up_alone(session, request),
            progress,
            again=f"takeoff deploy {env} {request.version} --warmup",
        )
    say(f"{env} is warm for {request.version}, nothing was installed: {result.summary}")


def _tell_pending(env: str) -> None:
    from takeoff.core.counting import counted

    async def work(session: Session) -> str:
        record = await session.journal.read()
        pending = record.pending
        if pending is None or record.deployed_version != pending.version:
            return ""
        later = "the next deploy runs them first" if session.environment.post_deploy == "next_deploy" else ""
        return f"pending: {counted(len(pending.names), 'post-deploy migration')}; " + (
            later or f"`takeoff post-deploy {env}` runs them"
        )

    if told := run_in_session(env, work):
        say(told)
