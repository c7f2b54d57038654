"""`takeoff packages`: what the sources hold, and why each version is, or is not, deployed next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from takeoff.commands.arguments import Env, Json
from takeoff.commands.console import print_json, say, show_table
from takeoff.commands.running import run_in_session

if TYPE_CHECKING:
    from takeoff.core.package_report import PackageReport
    from takeoff.engine.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(packages)


def packages(env: Env, json: Json = False) -> None:
    """Which versions there are, which is deployed next, and why each other one is not."""
    found = run_in_session(env, _look)
    print_json(found) if json else _show(found)
    found.raise_without_answer()


async def _look(session: Session) -> PackageReport:
    from takeoff.engine.packages import look_for_packages

    record = await session.journal.read()
    return await look_for_packages(session, deployed=record.deployed_version, rejected=record.rejected)


def _show(found: PackageReport) -> None:
    for source in found.sources:
        where = f" for {source.distribution}" if source.distribution else ""
        say(f"{source.name}{where}: {source.state}{f' ({source.message})' if source.message else ''}")
    say("")
    next_one = [(found.version, found.kind.value if found.kind else "", "is deployed next")] if found.version else []
    others = [(one.version, one.kind.value if one.kind else "", one.reason) for one in found.passed_over]
    if next_one or others:
        show_table(("VERSION", "KIND", "WHY"), [*next_one, *others])
    if not found.version:
        say(f"no version of {found.package} qualifies; the fleet runs {found.deployed or 'nothing recorded'}")
