"""``python -m lab traffic start|report|stop``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from lab.spawn import module_command, spawn, wait_until
from lab.state import LabError, LabState, end_processes, running
from lab.traffic.client import TIMEOUT_SECONDS
from lab.traffic.generator import report_path

NAME = "traffic"
RATE = 100.0

app = typer.Typer(help="Users of the lab: requests at a steady rate, none of them retried.", no_args_is_help=True)

StateOption = Annotated[Path, typer.Option("--state", envvar="TAKEOFF_LAB_STATE", help="Folder that the lab lives in.")]


def start_traffic(state: LabState, rate: float = RATE) -> None:
    """Start the generator.

    Raises:
        LabError: it runs already, or does not start.
    """
    with state.lock():
        record = state.read()
        if any(each.name == NAME and running(each) for each in record.processes):
            raise LabError("traffic runs already; `python -m lab traffic stop` ends it")
        report_path(state).unlink(missing_ok=True)
        command = module_command("lab.traffic.generator", str(state.folder), str(rate))
        process = spawn(state, NAME, command, dict(os.environ))
        record.processes = [each for each in record.processes if each.name != NAME] + [process]
        state.write(record)
    wait_until(report_path(state).exists, "traffic", state.path("log", f"{NAME}.log"), process=process)


def read_report(state: LabState) -> dict[str, Any]:
    """The newest report.

    Raises:
        LabError: there was no traffic.
    """
    try:
        return dict(json.loads(report_path(state).read_bytes()))
    except FileNotFoundError:
        raise LabError("there was no traffic; `python -m lab traffic start` starts it") from None


def stop_traffic(state: LabState) -> dict[str, Any]:
    """End the generator, wait for the requests under way, and return the final report."""
    with state.lock():
        end_processes([each for each in state.read().processes if each.name == NAME], TIMEOUT_SECONDS + 5)
    return read_report(state)


@app.command()
def start(
    rate: Annotated[float, typer.Option(help="Requests a second.")] = RATE, state: StateOption = Path(".state/lab")
) -> None:
    """Start sending requests."""
    start_traffic(LabState(state), rate)
    typer.echo(f"{rate:.0f} requests a second")


@app.command()
def report(
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    state: StateOption = Path(".state/lab"),
) -> None:
    """Tell what the users have seen so far."""
    _print(read_report(LabState(state)), as_json=as_json)


@app.command()
def stop(
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
    state: StateOption = Path(".state/lab"),
) -> None:
    """Stop, and tell what the users saw; exit status 1 if any request failed."""
    final = stop_traffic(LabState(state))
    _print(final, as_json=as_json)
    if final["failed"]:
        raise typer.Exit(1)


def _print(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    versions = ", ".join(f"{version}: {count}" for version, count in report["by_version"].items())
    typer.echo(f"{report['requests']} requests in {report['seconds']} s, {report['failed']} failed")
    typer.echo(f"  answered by  {versions or 'nobody'}")
    typer.echo(f"  latency      p50 {report['p50_ms']} ms, p99 {report['p99_ms']} ms")
    for failure in report["first_failures"][:5]:
        typer.echo(f"  {failure['at']}  {failure['cause']}  {failure['request']}")
