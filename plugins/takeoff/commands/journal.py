"""`takeoff journal`: the environment's own record, read, verified and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import Env, Json, asking_user
from takeoff.commands.console import say
from takeoff.commands.running import run_in_session

if TYPE_CHECKING:
    from takeoff.engine.session import Session

FAILED = 1
"""Exit status of a journal that does not verify."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(journal)


def journal(
    env: Env,
    last: Annotated[int, typer.Option("--last", min=0, help="Entries to show, from the end; 0 for all.")] = 30,
    operation: Annotated[str, typer.Option("--operation", help="Entries of this operation only.")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Verify every line, and compare with the copies.")] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Bring the journal back from its copies.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Why; required by --restore.")] = "",
    json: Json = False,
) -> None:
    """Every operation, decision and override, oldest first."""
    if verify and restore:
        raise typer.BadParameter("--verify only looks, --restore acts: give one of them")
    if restore:
        _restore(env, reason)
    elif verify:
        _verify(env)
    else:
        run_in_session(env, lambda session: _show(session, last, operation, json))


async def _show(session: Session, last: int, operation: str, json: bool) -> None:
    from takeoff.core.journal_sentences import entry_sentence

    entries = [one for one in await session.journal.entries() if operation in ("", one.operation)]
    for entry in entries[-last:] if last else entries:
        # One line for each entry: the journal's own form, which its hashes are made of.
        say(entry.line() if json else entry_sentence(entry))
    if not entries and not json:
        say(f"nothing is recorded{f' of {operation}' if operation else ''}")


def _verify(env: str) -> None:
    from takeoff.engine.journal_care import verify_journal

    found = run_in_session(env, verify_journal)
    for line in found.lines:
        say(line)
    if not found.good:
        raise typer.Exit(FAILED)


def _restore(env: str, reason: str) -> None:
    from takeoff.engine.journal_care import restore_journal

    record = run_in_session(env, lambda session: restore_journal(session, by=asking_user(), reason=reason))
    say(f"restored: {record.seq} entries, the fleet's version is {record.deployed_version or 'not recorded'}")
