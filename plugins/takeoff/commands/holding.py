"""`takeoff pause` and `resume`: holding automatic deploys, and letting them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import Env, asking_user, parse_lasting
from takeoff.commands.console import say
from takeoff.commands.running import run_in_session

if TYPE_CHECKING:
    from takeoff.engine.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pause)
    app.command()(resume)


def pause(
    env: Env,
    reason: Annotated[str, typer.Option("--reason", help="Why: whoever meets the pause reads it.")],
    lasting: Annotated[str | None, typer.Option("--for", metavar="TIME", help="2h, 3d; for ever if absent.")] = None,
) -> None:
    """Hold automatic deploys; a run that goes on already is not touched."""
    from takeoff.engine import holds

    duration = parse_lasting(lasting)
    record = run_in_session(
        env, lambda session: holds.pause(session, by=asking_user(), reason=reason, lasting=duration)
    )
    hold = record.hold
    until = f" until {hold.until:%Y-%m-%d %H:%M} UTC" if hold and hold.until else ""
    say(f"deploys of {env} are paused{until}: {reason}")
    if record.open_operation is not None:
        say(f"{record.open_operation.details.id} is open and goes on: the pause holds the deploys after it")


def resume(env: Env, reason: Annotated[str, typer.Option("--reason", help="Why; optional.")] = "") -> None:
    """Let automatic deploys go on."""
    from takeoff.engine import holds

    async def work(session: Session) -> bool:
        held = (await session.journal.read()).hold is not None
        await holds.resume(session, by=asking_user(), reason=reason)
        return held

    say(f"deploys of {env} go on" if run_in_session(env, work) else f"deploys of {env} were not paused")
