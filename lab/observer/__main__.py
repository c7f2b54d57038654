"""The command: ``python -m lab.observer --state FOLDER --verdict FILE``; TERM or Ctrl-C ends it.

Exit status 0: every rule held and, with traffic, no user saw a failure; 1: a breach; 2: no lab to look at.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from lab.observer.observation import Observation
from lab.state import LabError, LabState
from lab.traffic.commands import start_traffic, stop_traffic


def observe(
    state: Annotated[Path, typer.Option(envvar="TAKEOFF_LAB_STATE", help="Folder of the lab.")] = Path(".state/lab"),
    verdict: Annotated[Path, typer.Option(help="Where the verdict goes, as JSON.")] = Path("verdict.json"),
    traffic: Annotated[float, typer.Option(help="Users' requests a second meanwhile; 0 for none.")] = 100,
) -> None:
    """Watch a lab until TERM, and judge safety rules 1, 2, 3 and 5."""
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    folder = LabState(state)
    try:
        observation = Observation(folder)
        if traffic:
            start_traffic(folder, traffic)
    except LabError as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise typer.Exit(2) from None
    try:
        observation.run(ending, verdict)
    finally:
        users: dict[str, Any] | None = stop_traffic(folder) if traffic else None
        observation.verdict.conclude()
        result = observation.verdict.write(verdict, users)
    _tell(result, verdict)
    raise typer.Exit(0 if result["held"] else 1)


def _tell(result: dict[str, Any], path: Path) -> None:
    for number, rule in result["rules"].items():
        typer.echo(f"rule {number} {'held' if rule['held'] else 'BROKEN'}: {rule['title']}")
        for breach in rule["breaches"]:
            typer.echo(f"  {breach['moment']}  {breach['what']}")
            for line in breach["evidence"]:
                typer.echo(f"      {line}")
    if users := result["traffic"]:
        typer.echo(f"users: {users['failed']} of {users['requests']} requests failed")
    typer.echo(f"{result['looks']} looks, the longest gap {result['longest_gap_seconds']} s; the verdict is in {path}")


if __name__ == "__main__":
    typer.run(observe)
