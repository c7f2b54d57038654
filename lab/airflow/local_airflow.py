"""Starts and stops a whole Airflow whose state is one folder."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests
from filelock import FileLock, Timeout

from lab.airflow import launch, processes
from lab.airflow.environment import REPOSITORY, airflow_environment
from lab.airflow.postgres import Postgres
from lab.airflow.secrets import Account, AirflowSecrets
from lab.ports import free_ports
from lab.state import LabError, write_file

HEALTHY_PARTS = {"metadatabase", "scheduler", "triggerer", "dag_processor"}
LOCK_PATIENCE = 150.0
"""Seconds: longer than a start may take."""
TAIL_LINES = 15
"""Lines of a component's log that a failure shows."""


class LocalAirflow:
    """One Airflow with its own PostgreSQL, bound to 127.0.0.1, known by its folder.

    Any process may stop what another has started: make one with the same folder and call ``stop()``.

    Args:
        state_dir: folder for its database, logs, passwords and the records of its processes; made if missing.
        environments_dir: folder of the environment files, for which DAGs are made.
        port: the API server's; by default the one of the last start, or any free one.
        connections: connection id → its fields (``conn_type``, ``host``, …), or its URI. ``airflow_api``, with which
            Takeoff reaches this Airflow itself, is always there.
        extra_env: further environment variables of all its processes.
    """

    def __init__(
        self,
        state_dir: Path,
        environments_dir: Path,
        *,
        port: int | None = None,
        connections: Mapping[str, Mapping[str, object] | str],
        extra_env: Mapping[str, str] | None = None,
    ) -> None:
        self.state_dir = state_dir.absolute()
        self.environments_dir = environments_dir.absolute()
        self._wanted_port = port
        self._connections = connections
        self._extra_env = extra_env or {}
        self._home = self.state_dir / "airflow"
        self._run = self.state_dir / "run"
        self._postgres = Postgres(self.state_dir / "postgres")

    @property
    def base_url(self) -> str:
        """The web UI's address, without a slash at the end."""
        return f"http://127.0.0.1:{self._secrets.port}"

    @property
    def admin(self) -> Account:
        """The login for a person: may do everything."""
        return self._secrets.admin

    @property
    def admin_password(self) -> str:
        """The password of the account ``admin``."""
        return self._secrets.admin.password

    @property
    def service_account(self) -> Account:
        """The login that Takeoff uses, as connection ``airflow_api``: role *op*."""
        return self._secrets.service

    @property
    def env(self) -> dict[str, str]:
        """The process environment to run `airflow` commands against it with; its port may be another before a start."""
        return airflow_environment(
            self._home, self.environments_dir, self._secrets, self._postgres.uri, self._connections, self._extra_env
        )

    def start(self, patience: float = 120.0) -> None:
        """Start it, and wait until all its parts are healthy. One that is healthy already is left as it is.

        Args:
            patience: seconds to wait for it.

        Raises:
            LabError: the port is taken, or a component ended or did not become healthy; all is stopped again.
        """
        deadline = time.monotonic() + patience
        self._home.mkdir(parents=True, exist_ok=True)
        self._run.mkdir(exist_ok=True)
        self._home.chmod(0o700)
        with self._lock():
            if self._is_healthy():
                return
            self._stop()  # What a crash has left.
            self._choose_port()
            accounts = {account.name: account.password for account in (self.admin, self.service_account)}
            write_file(self._home / "passwords.json", json.dumps(accounts).encode(), mode=0o600)
            try:
                self._postgres.start()
                self._launch(deadline)
                self._wait_until_healthy(deadline)
            except BaseException:
                self._stop()
                raise

    def stop(self) -> None:
        """Stop all of it, whoever started it; its database, logs and passwords stay. Nothing runs: nothing is done."""
        if self._run.exists():
            with self._lock():
                self._stop()

    def log_tail(self, component: str) -> str:
        """Show the end of what a component (``scheduler``, ``dag-processor``, …, or ``launch``) printed."""
        file = launch.log_file(self._run, component)
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        return "\n".join(lines[-TAIL_LINES:]) or "(it printed nothing)"

    @property
    def _secrets(self) -> AirflowSecrets:
        return AirflowSecrets.load(self._home / "secrets.json")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Be the only one who starts or stops it; one that was killed holds nothing."""
        try:
            with FileLock(self._run / "lock", timeout=LOCK_PATIENCE):
                yield
        except Timeout:
            raise LabError(
                f"Another process has been busy with the Airflow in {self.state_dir} for {LOCK_PATIENCE:.0f} s:"
                " end it, then try again."
            ) from None

    def _choose_port(self) -> None:
        secrets = self._secrets
        candidates = [self._wanted_port] if self._wanted_port else [secrets.port, *free_ports(1)]
        for candidate in candidates:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", candidate))
                except OSError:
                    continue
            secrets.port = candidate
            secrets.save(self._home / "secrets.json")
            return
        raise LabError(f"Port {self._wanted_port} of 127.0.0.1 is in use: free it, or choose another one for Airflow.")

    def _launch(self, deadline: float) -> None:
        log = launch.log_file(self._run, "launch")
        log.unlink(missing_ok=True)
        launcher = processes.spawn(
            [sys.executable, "-m", "lab.airflow.launch", str(self._run)],
            record=launch.record_file(self._run, "launch"),
            log=log,
            env={**self.env, "PYTHONPATH": f"{REPOSITORY / 'plugins'}:{REPOSITORY}"},
            cwd=self._home,
        )
        try:
            status = launcher.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise LabError(
                f"Airflow's database was not ready in time; the log ends:\n{self.log_tail('launch')}"
            ) from None
        if status != 0:
            raise LabError(f"Airflow could not be started (status {status}); the log ends:\n{self.log_tail('launch')}")

    def _wait_until_healthy(self, deadline: float) -> None:
        while not self._is_healthy():
            for component in launch.COMPONENTS:
                known = processes.RecordedProcess.read(launch.record_file(self._run, component))
                if known and not known.is_alive():
                    raise LabError(f"Airflow's {component} ended; its log ends:\n{self.log_tail(component)}")
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {component}\n{self.log_tail(component)}" for component in launch.COMPONENTS)
                raise LabError(f"Airflow did not become healthy in time; the logs end:\n{tails}")
            time.sleep(0.2)

    def _is_healthy(self) -> bool:
        """Ask the API server; an answer counts only from ours, while all its components run."""
        known = [
            processes.RecordedProcess.read(launch.record_file(self._run, component)) for component in launch.COMPONENTS
        ]
        if not all(process and process.is_alive() for process in known):
            return False
        try:
            answer = requests.get(f"{self.base_url}/api/v2/monitor/health", timeout=10)
            parts = answer.json() if answer.ok else {}
        except (requests.RequestException, ValueError):
            return False
        return all((parts.get(part) or {}).get("status") == "healthy" for part in HEALTHY_PARTS)

    def _stop(self) -> None:
        # The launcher first: while it lives, components appear.
        for components in (["launch"], list(launch.COMPONENTS)):
            records = [launch.record_file(self._run, component) for component in components]
            processes.stop(records, politely=signal.SIGTERM, patience=6.0)
        self._postgres.stop()
