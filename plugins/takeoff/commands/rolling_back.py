"""`takeoff rollback`: the fleet taken back to a version that it ran before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import Env, Version, asking_user, env_first, parse_reasons
from takeoff.commands.console import say

if TYPE_CHECKING:
    from takeoff.core.record import OperationRecord
    from takeoff.engine.rolling_back import EndRun

Forces = Annotated[
    list[str] | None,
    typer.Option("--force", metavar="NAME=REASON", help="Pass a refusal, with a reason that the journal keeps."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(rollback)


def rollback(
    env: Env,
    version: Version,
    reason: Annotated[str, typer.Option("--reason", help="Why: the version that is left is rejected with it.")],
    force: Forces = None,
) -> None:
    """Take the fleet back to VERSION, or go on with its open rollback; deploys stay paused afterwards."""
    env, version = env_first(env, version)
    carry_out_rollback(env, version, reason, force)


def _end_run(by: str, reason: str) -> EndRun:
    """Make what ends the Airflow run of a deploy that the rollback ends, where the connection to it is at hand."""
    from takeoff.core.errors import TakeoffError
    from takeoff.engine.shell_credentials import ShellCredentials
    from takeoff.engine.taken_over_run import end_run_of

    async def end(taken: OperationRecord) -> None:
        if not taken.details.run:
            return
        api = ShellCredentials().airflow()
        told = f"run {taken.details.run} was not ended: what it still tries is refused; end it in Airflow"
        try:
            if api is not None:
                told = await asyncio.to_thread(end_run_of, api, taken, f"Ended by a rollback, by {by}: {reason}")
        except TakeoffError as error:
            told += f" ({error})"
        if told:
            say(f"  {told}")

    return end


def carry_out_rollback(env: str, version: str, reason: str, force: list[str] | None) -> None:
    """Roll back, with its progress shown; also what ``takeoff deploy --rollback`` does."""
    from takeoff.commands.deploy_progress import DeployProgress
    from takeoff.commands.stopping import run_stoppable
    from takeoff.engine.rollback_verdict import RollbackRequest
    from takeoff.engine.rolling_back import roll_back

    request = RollbackRequest(
        version=version, by=asking_user(), reason=reason, force=parse_reasons("--force", "NAME", force)
    )
    with DeployProgress() as progress:
        run_stoppable(
            env,
            lambda session: roll_back(session, request, progress, _end_run(request.by, reason)),
            progress,
            again=f"takeoff rollback {env} {version} --reason …",
        )
    say(f"deploys of {env} stay paused: `takeoff resume {env}` lets them go on")
