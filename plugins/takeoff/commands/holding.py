"""`takeoff pause` and `resume`: holding automatic deploys, and letting them go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import Env, asking_user, parse_lasting
from takeoff.commands.console import say
from takeoff.commands.running import run_in_session

if TYPE_CHECKING:
    from takeoff.core.record import Record
    from takeoff.engine.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(pause)
    app.command()(resume)


def pause(
    env: Env,
    reason: Annotated[str, typer.Option("--reason", help="Why: whoever meets the pause reads it.")],
    lasting: Annotated[str | None, typer.Option("--for", metavar="TIME", help="2h, 3d; for ever if absent.")] = None,
    stop_after: Annotated[
        str,
        typer.Option(
            "--stop-after", metavar="host|batch", help="Stop the open operation too, once these are finished."
        ),
    ] = "",
) -> None:
    """Hold automatic deploys; a run that goes on already is not touched, unless --stop-after says so."""
    from takeoff.engine import holds

    duration, after = parse_lasting(lasting), holds.parse_stop_after("--stop-after", stop_after)
    record = run_in_session(
        env, lambda session: holds.pause(session, by=asking_user(), reason=reason, lasting=duration, stop_after=after)
    )
    _show_in_airflow(env, record)
    for line in holds.told_pause(env, record):
        say(line)


def resume(env: Env, reason: Annotated[str, typer.Option("--reason", help="Why; optional.")] = "") -> None:
    """Let automatic deploys go on."""
    from takeoff.engine import holds

    async def work(session: Session) -> tuple[bool, Record]:
        held = (await session.journal.read()).hold is not None
        return held, await holds.resume(session, by=asking_user(), reason=reason)

    held, record = run_in_session(env, work)
    say(f"deploys of {env} go on" if held else f"deploys of {env} were not paused")
    _show_in_airflow(env, record)


def _show_in_airflow(env: str, record: Record) -> None:
    """Let Airflow's toggle follow the hold, where the connection to Airflow is at hand; say it where it is not."""
    import asyncio

    from takeoff.clients.airflow_api import CONNECTION
    from takeoff.core.dag_names import deploy_dag
    from takeoff.core.errors import TakeoffError
    from takeoff.engine.credentials import connection_variable
    from takeoff.engine.deploy_toggle import follow_hold
    from takeoff.engine.shell_credentials import ShellCredentials
    from takeoff.environment_files import load_environment

    name = load_environment(env).environment.name
    api = ShellCredentials().airflow()
    if api is None:
        if record.hold is None:
            variable = connection_variable(CONNECTION)
            say(f"if {deploy_dag(name)} is switched off in Airflow, switch it on there ({variable} lets this do it)")
        return
    try:
        told = asyncio.run(follow_hold(api, name, record))
    except TakeoffError as error:
        told = f"Airflow's toggle was left as it is: {error}"
    if told:
        say(told)
