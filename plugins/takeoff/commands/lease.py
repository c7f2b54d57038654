"""`takeoff lease`: who holds the right to change an environment; giving it back, moving it."""

from __future__ import annotations

from typing import Annotated

import typer

from takeoff.commands.arguments import Env, Json, asking_user
from takeoff.commands.console import print_json, say
from takeoff.commands.running import run_in_session


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(lease)


def lease(
    env: Env,
    release: Annotated[bool, typer.Option("--release", help="Give up the open operation.")] = False,
    move: Annotated[bool, typer.Option("--move", help="Go on at the blessed node that the file names now.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; required by --release and --move.")] = "",
    json: Json = False,
) -> None:
    """Who holds the environment, since when, and for what."""
    from takeoff.engine.journal_care import restore_journal
    from takeoff.engine.lease_view import view_lease
    from takeoff.engine.release import release_lease

    if release and move:
        raise typer.BadParameter("give --release or --move, not both")
    if release:
        record = run_in_session(env, lambda session: release_lease(session, by=asking_user(), reason=reason))
        behind = f"; the fleet may be mixed: `takeoff status {env}` shows it"
        say(f"released {next(reversed(record.operations))}{behind}")
    elif move:
        record = run_in_session(env, lambda session: restore_journal(session, by=asking_user(), reason=reason))
        say(f"lease and journal go on at {record.authority_host}, with {record.seq} entries")
    else:
        found = run_in_session(env, view_lease)
        print_json(found) if json else say(found.sentence)
