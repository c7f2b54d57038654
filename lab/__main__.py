"""The command: ``python -m lab up|publish|break|mend|status|down``."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from lab.environment_file import connections_path, write_environment
from lab.faults import find_fault, list_faults
from lab.installation import install_everywhere
from lab.kind import open_kind
from lab.layout import plan_layout
from lab.state import LabError, LabRecord, LabState
from lab.status import collect_status, print_status
from lab.traffic.commands import app as traffic

DEFAULT_STATE = Path(".state/lab")
FIRST_VERSION = "17.0.0-ee.0"
BALANCERS = {"process": 1, "real": 2}
"""Kind of lab → balancer nodes that it has unless told otherwise."""

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

app.add_typer(traffic, name="traffic")

StateOption = Annotated[Path, typer.Option("--state", envvar="TAKEOFF_LAB_STATE", help="Folder that the lab lives in.")]
FaultArgument = Annotated[str, typer.Argument(help="Name of the fault; `list` shows all.")]
HostArgument = Annotated[str, typer.Argument(help="Host, for faults of one host.")]


@app.command()
def up(
    kind: Annotated[
        str, typer.Option(envvar="TAKEOFF_LAB", help="process: no root needed; real: own root file systems.")
    ] = "process",
    hosts: Annotated[int, typer.Option(help="Hosts that are deployed to, the blessed node included.")] = 13,
    balancers: Annotated[
        int | None, typer.Option(help="Nodes that run HAProxy, beside the hosts.", show_default="process: 1, real: 2")
    ] = None,
    version: Annotated[str, typer.Option(help="Version that a new lab has installed.")] = FIRST_VERSION,
    stand_ins: Annotated[
        bool, typer.Option(help="Use the lab's stand-ins even for servers that this machine has.")
    ] = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Start a lab, or what is missing of one that is up."""
    folder, started = LabState(state), time.monotonic()
    with folder.lock():
        new = not folder.exists
        record = (
            LabRecord(kind=kind, layout=plan_layout(hosts, balancers or BALANCERS.get(kind, 1)))
            if new
            else folder.read()
        )
        if stand_ins:
            record.settings["stand_ins"] = "yes"
        lab = open_kind(record.kind, folder)
        try:
            record = lab.start(record)
            if not record.settings.get("installed"):
                lab.repository.publish(version)
                install_everywhere(folder, lab, record, version)
                record.settings["installed"] = version
            folder.write(record)
            path = write_environment(folder, record)
        except BaseException:
            if new:  # nothing half started stays behind
                lab.stop(record)
                _remove(folder)
            raise
    size, seconds = len(record.layout.hosts), time.monotonic() - started
    typer.echo(
        f"{size} hosts and balancer {', '.join(record.layout.balancers)} up in {seconds:.1f} s (kind {record.kind})"
    )
    typer.echo(f"  users     {record.fronts['web'].url} (web), {record.fronts['git'].url} (git)")
    typer.echo(f"  file      {path}")
    typer.echo(f"  secrets   {connections_path(folder)}")


@app.command()
def publish(
    version: Annotated[str, typer.Argument(help="Such as 17.1.0-ee.0; its first two numbers decide the schema.")],
    size_mib: Annotated[int, typer.Option("--size", help="Size of the package in MiB.")] = 0,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Build a version of the package, and sign the repository's index anew."""
    folder = LabState(state)
    with folder.lock():
        path = open_kind(folder.read().kind, folder).repository.publish(version, size_mib << 20)
    typer.echo(f"published {path.name} ({path.stat().st_size / 1024:.0f} KiB)")


@app.command("break")
def break_(what: FaultArgument, host: HostArgument = "", state: StateOption = DEFAULT_STATE) -> None:
    """Break something on purpose."""
    _fault(what, host, state, mend=False)


@app.command()
def mend(what: FaultArgument, host: HostArgument = "", state: StateOption = DEFAULT_STATE) -> None:
    """Undo what `break` did."""
    _fault(what, host, state, mend=True)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Show every host: power, installed and running version, place in the balancers."""
    folder = LabState(state)
    record = folder.read()
    print_status(collect_status(folder, open_kind(record.kind, folder), record), as_json=as_json)


@app.command()
def down(
    keep: Annotated[bool, typer.Option(help="Keep the files, so that `up` starts the same lab again.")] = False,
    state: StateOption = DEFAULT_STATE,
) -> None:
    """Stop the lab and remove its folder; no process and no port stays."""
    folder = LabState(state)
    if not folder.exists:
        typer.echo(f"no lab is up in {folder.folder}")
        return
    with folder.lock():
        record = folder.read()
        open_kind(record.kind, folder).stop(record)
        record.processes = []
        folder.write(record)
    if not keep:
        _remove(folder)
    typer.echo("the lab is down")


def _fault(what: str, host: str, state: Path, *, mend: bool) -> None:
    folder = LabState(state)
    record = folder.read()
    kind = open_kind(record.kind, folder)
    if what == "list":
        typer.echo(list_faults(folder, kind))
        return
    with folder.lock():
        fault = find_fault(folder, kind, what, host)
        (fault.lift if mend else fault.apply)(host)
    where = f" on {host}" if host else ""
    typer.echo(f"mended{where}: {fault.name}" if mend else f"broken{where}: {fault.summary}")


def _remove(folder: LabState) -> None:
    shutil.rmtree(folder.folder, ignore_errors=True)


def main() -> None:
    """Run the command; a mistake is one sentence and exit status 1."""
    os.environ["NO_PROXY"] = "*"  # all that the lab talks to is on this machine
    try:
        app()
    except (LabError, ValueError) as error:
        typer.secho(str(error), err=True, fg=typer.colors.RED)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
