"""What the demo plays on: the lab, an Airflow that knows it, and the traffic of its users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from lab.airflow import LocalAirflow
from lab.environment_file import ENVIRONMENT, connections, environment_path
from lab.kind import open_kind
from lab.state import LabError, LabRecord, LabState
from takeoff.clients.airflow_api import AirflowApi

DEMO_STATE = Path(".state/demo")
"""Folder of everything that the demo starts, relative to where it is called."""


class Scene:
    """One folder with a lab and an Airflow; any process can take it up again.

    Args:
        folder: where all of it lives.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.lab = LabState(self.folder / "lab")
        self._airflow: LocalAirflow | None = None

    @property
    def record(self) -> LabRecord:
        """The lab's record; LabError if it is not up."""
        return self.lab.read()

    @property
    def airflow(self) -> LocalAirflow:
        """The Airflow whose environments are the lab's."""
        if self._airflow is None:
            known = connections(self.record) if self.lab.exists else {}
            environments = environment_path(self.lab).parent
            self._airflow = LocalAirflow(self.folder / "airflow", environments, connections=known)
        return self._airflow

    @property
    def api(self) -> AirflowApi:
        """Airflow's REST API, logged in as the person who has the web UI open."""
        admin = self.airflow.admin
        return AirflowApi(self.airflow.base_url, admin.name, admin.password, requests.Session())

    @property
    def command_environment(self) -> dict[str, str]:
        """The process environment for the ``takeoff`` command."""
        return self.airflow.env | {"TAKEOFF_ENVIRONMENTS": str(environment_path(self.lab).parent)}

    def set_up(self) -> None:
        """Start lab and Airflow side by side, or what is missing of them.

        Raises:
            LabError: one of them could not be started.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # Airflow needs the lab's addresses, so the lab comes first; its hosts install their package meanwhile.
        lab = self._run_lab("up")
        if lab.returncode != 0:
            raise LabError(lab.stderr.strip() or lab.stdout.strip())
        with ThreadPoolExecutor() as pool:
            airflow, adopted = pool.submit(self.airflow.start), pool.submit(self._adopt)
            airflow.result()
            adopted.result()

    def _adopt(self) -> None:
        status = json.loads(self.takeoff("status", ENVIRONMENT, "--json"))
        if not status["deployed"]:
            self.takeoff("adopt", ENVIRONMENT)

    def publish(self, version: str) -> None:
        """Build a version of the package and put it into the repository."""
        record = self.record
        with self.lab.lock():
            open_kind(record.kind, self.lab).repository.publish(version)

    def takeoff(self, *arguments: str) -> str:
        """Run the ``takeoff`` command; returns what it printed.

        Raises:
            LabError: it failed; with its own words.
        """
        command = [sys.executable, "-m", "takeoff.cli", *arguments]
        done = subprocess.run(command, env=self.command_environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LabError(f"takeoff {' '.join(arguments)} failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def tear_down(self) -> None:
        """Stop all of it, also after a crash; its folder goes with it."""
        stopping = threading.Thread(target=self.airflow.stop)
        stopping.start()
        self._run_lab("down")
        stopping.join()

    def _run_lab(self, verb: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lab", verb, "--state", str(self.lab.folder)]
        return subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
