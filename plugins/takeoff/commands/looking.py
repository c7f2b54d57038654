"""`takeoff status`, `why` and `watch`: what an environment is doing, and what stands in its way."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import Env, Json
from takeoff.commands.console import print_json, say, show_findings, show_table
from takeoff.commands.running import run_in_session

if TYPE_CHECKING:
    from takeoff.core.environment_status import EnvironmentStatus, OperationStatus
    from takeoff.core.why import Why
    from takeoff.engine.session import Session

TASK_TEXT = 200
"""Characters of a task's text that `status` shows."""

WATCH_EVERY_S = 2.0
"""Seconds between two looks at the journal."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(status)
    app.command()(why)
    app.command()(watch)


def status(
    env: Env,
    json: Json = False,
    hosts: Annotated[
        bool, typer.Option("--hosts/--no-hosts", help="Look at every host, or at the journal only.")
    ] = True,
) -> None:
    """What runs where, what is going on, what is pending."""
    from takeoff.engine.status import look

    found = run_in_session(env, lambda session: look(session, hosts=hosts))
    print_json(found) if json else _show_status(found)


def why(
    env: Env,
    json: Json = False,
    packages: Annotated[bool, typer.Option("--packages/--no-packages", help="Ask the package sources too.")] = True,
) -> None:
    """Why the newest package is not deployed: what blocks, since when, who holds it, what lifts it."""
    from takeoff.engine.explaining import explain_now

    found = run_in_session(env, lambda session: explain_now(session, packages=packages))
    print_json(found) if json else _show_why(found)


def watch(env: Env) -> None:
    """Follow the journal until interrupted, one line for each entry."""
    run_in_session(env, _follow)


async def _follow(session: Session) -> None:
    from takeoff.core.errors import HostUnreachable
    from takeoff.core.journal_sentences import entry_sentence

    shown = max(0, (await session.journal.read()).seq - 10)
    silent = False
    while True:
        try:
            entries = await session.journal.entries()
            silent = False
        except HostUnreachable as error:
            if not silent:
                say(f"{error}; still trying")
            silent = True
        else:
            for entry in entries[shown:]:
                say(entry_sentence(entry))
            shown = len(entries)
        await session.clock.sleep(WATCH_EVERY_S)


def _show_status(found: EnvironmentStatus) -> None:
    say(f"{found.environment}: {found.package} {found.deployed or '(not adopted yet)'}")
    if found.hold is not None:
        until = f" until {_time(found.hold.until)}" if found.hold.until else ""
        say(f"PAUSED{until} since {_time(found.hold.since)} by {found.hold.by}: {found.hold.reason}")
    if found.operation is not None:
        _show_operation(found.operation)
    if found.pending is not None:
        names = ", ".join(found.pending.names)
        say(f"post-deploy migrations pending since {_time(found.pending.since)}: {names}")
    for version, reason in found.rejected.items():
        say(f"rejected: {version} ({reason})")
    if found.points_of_no_return:
        point = found.points_of_no_return[-1]
        say(f"last point of no return: {point.version}, {_time(point.at)}, by {point.by}")
    if found.hosts:
        say("")
        lines = [
            (one.host, one.stage, one.role, one.installed or "-", one.serving or "-", one.problem)
            for one in found.hosts
        ]
        show_table(("HOST", "STAGE", "ROLE", "INSTALLED", "SERVES", "PROBLEM"), lines)


def _show_operation(operation: OperationStatus) -> None:
    state = operation.outcome.value.replace("_", " ") if operation.outcome else "open"
    closed = f", {_time(operation.closed_at)}" if operation.closed_at else ""
    reason = f": {operation.reason}" if operation.reason else ""
    say(
        f"{operation.id}: {operation.kind.value} of {operation.version}, {state}{closed}, opened "
        f"{_time(operation.opened_at)} by {operation.requested_by}{reason}"
    )
    if operation.outcome is None:
        for task in operation.tasks:
            took = f" in {task.seconds:.0f} s" if task.seconds else ""
            told = f": {_short(task.text)}" if task.text else ""
            say(f"  {task.state:<8} {task.task}{took}{told}")


def _show_why(found: Why) -> None:
    say(f"{found.environment} ({found.deployed or 'not adopted yet'}): {found.answer}")
    if found.stopped is not None:
        say(f"  → {found.stopped.then}")
    show_findings(tuple(finding for finding in found.findings if finding.sentence() != found.answer))
    for sentence in found.packages:
        say(f"  · {sentence}")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TASK_TEXT else f"{line[:TASK_TEXT]}… (all of it: takeoff why)"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
