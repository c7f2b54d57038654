"""The command behind ``make demo``, ``make demo-failure`` and ``make down``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from lab.demo.scene import DEMO_STATE, Scene
from lab.demo.story import Story
from lab.state import LabError
from takeoff.core.errors import TakeoffError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def say(line: str = "") -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


@app.command()
def demo(
    failure: Annotated[bool, typer.Option("--failure", help="Break a host in the middle, repair it, retry.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Stop all that the demo started.")] = False,
    state: Annotated[Path, typer.Option(help="Folder that it lives in.")] = DEMO_STATE,
) -> None:
    """Deploy a new package to a fleet under traffic, through Airflow."""
    scene, began = Scene(state), time.monotonic()
    if down:
        scene.tear_down()
        say("all of the demo is stopped")
        return
    say("Starting a fleet of 13 hosts, a load balancer, and Airflow …")
    scene.set_up()
    say(f"  up after {time.monotonic() - began:.0f} s; web UI {scene.airflow.base_url}")
    story = Story(scene, say)
    if failure:
        story.play_failure()
    else:
        story.play()
    say(f"Done in {time.monotonic() - began:.0f} s. Everything stays up until `make down`.")
    say()
    for line in story.next_steps():
        say(line)


def main() -> None:
    """Run the command; what goes wrong is one sentence and exit status 1."""
    try:
        app()
    except (LabError, TakeoffError) as error:
        print(f"demo: {error}", file=sys.stderr, flush=True)
        print("What runs stays up to be looked at; `make down` stops it.", file=sys.stderr, flush=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
