"""`takeoff converge`: hosts that were left behind or rebuilt, brought to the recorded version."""

from __future__ import annotations

from typing import Annotated

import typer

from takeoff.commands.arguments import Env, asking_user
from takeoff.commands.console import say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(converge)


def converge(
    env: Env,
    hosts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[HOST]...", help="Which hosts; all that are not as recorded if absent."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the journal.")] = "",
) -> None:
    """Bring hosts that were left behind, rebuilt or changed by hand to the recorded version and back into service."""
    from takeoff.commands.deploy_progress import DeployProgress
    from takeoff.commands.stopping import run_stoppable
    from takeoff.engine import converging

    request = converging.ConvergeRequest(by=asking_user(), hosts=tuple(dict.fromkeys(hosts or ())), reason=reason)
    with DeployProgress() as progress:
        operation = run_stoppable(
            env,
            lambda session: converging.converge(session, request, progress),
            progress,
            again=f"takeoff converge {env}",
        )
    if not operation:
        say(f"every host of {env} is as recorded: there is nothing to do")
