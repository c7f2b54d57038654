"""Brings up Airflow's components: ``python -m lab.airflow.launch RUN_FOLDER``, in the environment of that Airflow.

Importing Airflow costs each of its components five seconds of processor time. Here it is imported once, the database
is migrated, and each component is a fork of that one process: all are up in half the time. The launcher then ends.
Tasks and readings of a DAG file are forks of those again, so Takeoff is imported here too: half a second for each.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import setproctitle

from lab.airflow import processes

COMPONENTS = {
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "api-server": ["api-server"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
"""Name → arguments of the `airflow` command. The log servers would listen on every address of the machine; the API
server reads the same files from the disk."""
IMPORTED_ONCE = [
    "airflow.api_fastapi.core_api.app",
    "airflow.api_fastapi.core_api.routes.public",
    "airflow.api_fastapi.core_api.routes.ui",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
]
TAKEOFF = ["takeoff.operators", "takeoff.sensors", "takeoff.triggers", "takeoff.engine"]
"""Packages whose modules are imported once, too, with all that they import."""


def record_file(run: Path, component: str) -> Path:
    """Name the record of a component."""
    return run / f"{component}.process"


def log_file(run: Path, component: str) -> Path:
    """Name the file that a component prints to."""
    return run / f"{component}.log"


def modules_of(packages: list[str]) -> Iterator[str]:
    """Name the modules of some packages."""
    for package in packages:
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            yield found.name


def airflow_command(arguments: list[str]) -> None:
    """Do what `airflow ARGUMENTS` does, in this process."""
    sys.argv = ["airflow", *arguments]
    importlib.import_module("airflow.__main__").main()


def settings_of_airflow() -> ModuleType:
    """Import Airflow's settings, no sooner than its environment is known to be right."""
    return importlib.import_module("airflow.settings")


def become(component: str, run: Path) -> None:
    """Be that component from here on: in a session of its own, recorded, printing to its log."""
    processes.record_self(record_file(run, component))
    os.setsid()
    setproctitle.setproctitle(f"airflow {component}")
    log = os.open(log_file(run, component), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.close(log)
    settings_of_airflow().configure_orm()
    airflow_command(COMPONENTS[component])


def main() -> None:
    """Migrate the database, and leave the components running."""
    run = Path(sys.argv[1])
    airflow_command(["db", "migrate"])
    for module in [*IMPORTED_ONCE, *modules_of(TAKEOFF)]:
        importlib.import_module(module)
    settings_of_airflow().dispose_orm()  # No connection may be shared between processes.
    for component in COMPONENTS:
        if os.fork() == 0:
            become(component, run)
            return


if __name__ == "__main__":
    main()
