"""A real Airflow that deploys to a lab, as a person with the web UI, the command and a shell has it."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from lab.airflow import LocalAirflow
from lab.environment_file import ENVIRONMENT, connections, environment_path
from lab.faults import find_fault
from lab.kind import Fault, Publisher, open_kind
from lab.state import LabState
from takeoff.clients.airflow_api import AirflowApi, Run
from takeoff.clients.json_requests import NotThere
from takeoff.core.approval_text import answer_fields
from takeoff.core.dag_names import deploy_dag, package_asset
from takeoff.core.task_ids import APPROVE

ROOT = Path(__file__).resolve().parents[2]
DAG = deploy_dag(ENVIRONMENT)
PATIENCE_S = 420
"""Longest wait for one thing; a machine that does much else at once takes some of it."""

QUICK = {
    # An idle scheduler looks once a second; here each task would wait for that.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
    # How often expired approvals are looked for.
    "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
}

STAGES = {"canary": ("web", "sidekiq"), "main": ("web", "sidekiq")}
"""What the tests deploy to of the lab's stages: each role of it, each check."""


class RealAirflow:
    """Lab and Airflow in one folder.

    Args:
        folder: empty.
        settings: more for the environment file.
        also_known: connections beside the lab's.
        whole_fleet: deploy to all of the lab's stages and roles, not only to those of ``STAGES``.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any] | None = None,
        also_known: Mapping[str, Mapping[str, object]] | None = None,
        *,
        whole_fleet: bool = False,
    ) -> None:
        self._whole_fleet = whole_fleet
        self._settings = settings or {}
        self._also_known = also_known or {}
        self._lab = LabState(folder / "lab")
        self._folder = folder
        self._airflow: LocalAirflow | None = None

    def start(self) -> None:
        self._run(sys.executable, "-m", "lab", "up", "--kind", "process", "--hosts", "10", *self._state())
        data = yaml.safe_load(self.environment_file.read_text())
        if not self._whole_fleet:
            data["stages"] = [
                stage | {"roles": {role: stage["roles"][role] for role in STAGES[stage["name"]]}}
                for stage in data["stages"]
                if stage["name"] in STAGES
            ]
            data["load_balancers"][0]["backends"] = {"web": {"roles": ["web"]}}
        data["schedule"] = None  # No run that these tests have not asked for.
        data |= self._settings
        self.environment_file.write_text(yaml.safe_dump(data, sort_keys=False))
        known = {**connections(self._lab.read()), **self._also_known}
        self._airflow = LocalAirflow(
            self._folder / "airflow", self.environment_file.parent, connections=known, extra_env=QUICK
        )
        self._airflow.start()
        self.takeoff("adopt", ENVIRONMENT)
        self.eventually(self._is_known, f"Airflow knows {DAG}")

    def stop(self) -> None:
        if self._airflow is not None:
            self._airflow.stop()
        self._run(sys.executable, "-m", "lab", "down", *self._state())

    @property
    def environment_file(self) -> Path:
        return environment_path(self._lab)

    @property
    def api(self) -> AirflowApi:
        """Airflow's REST API as a person uses it."""
        admin = self.airflow.admin
        return AirflowApi(self.airflow.base_url, admin.name, admin.password, requests.Session())

    @property
    def airflow(self) -> LocalAirflow:
        assert self._airflow is not None
        return self._airflow

    def get(self, path: str, **query: Any) -> Any:
        """Ask what no part of Takeoff asks."""
        return self._request("GET", path, params=query).json()

    @contextmanager
    def connection(self, name: str, kind: str, **fields: str) -> Iterator[None]:
        """Give Airflow one more connection for a while."""
        body = {"connection_id": name, "conn_type": kind, **fields}
        self._request("POST", "/connections", json=body).raise_for_status()
        try:
            yield
        finally:
            self._request("DELETE", f"/connections/{name}").raise_for_status()

    def takeoff(self, *arguments: str) -> str:
        """Run the ``takeoff`` command."""
        # The command of this tree, whichever the interpreter knows as its own.
        env = self.airflow.env | {"PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}"}
        done = self._run(sys.executable, "-m", "takeoff.cli", *arguments, env=env)
        return done.stdout

    def journal(self) -> list[dict[str, Any]]:
        """The journal's entries."""
        return [json.loads(line) for line in self.takeoff("journal", ENVIRONMENT, "--last", "0", "--json").splitlines()]

    def summaries(self, task: str) -> list[str]:
        """What the journal says of each end of a task, oldest first."""
        bodies = [entry["body"] for entry in self.journal()]
        return [body["summary"] for body in bodies if body["kind"] == "task_finished" and body["task"] == task]

    def status(self) -> dict[str, Any]:
        return dict(json.loads(self.takeoff("status", ENVIRONMENT, "--json")))

    @property
    def repository(self) -> Publisher:
        return open_kind("process", self._lab).repository

    def following(self) -> str:
        """The next minor after what the fleet runs; its next patch if it was tried before."""
        major, minor, _ = self.status()["deployed"].split(".", 2)
        opened = [
            one["body"]["details"]["version"] for one in self.journal() if one["body"]["kind"] == "operation_opened"
        ]
        patches = (f"{major}.{int(minor) + 1}.{patch}-ee.0" for patch in range(99))
        return next(version for version in patches if version not in opened)

    def tries(self, run: Run, task: str) -> int:
        """How often Airflow has begun a task."""
        return int(self.get(f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task}")["try_number"])

    def publish(self, version: str) -> None:
        with self._lab.lock():
            self.repository.publish(version)

    def fault(self, name: str, host: str = "") -> Fault:
        return find_fault(self._lab, open_kind("process", self._lab), name, host)

    def run(self, **conf: Any) -> Run:
        """Start a run as a person does."""
        return self.api.start_run(DAG, conf)

    def ring(self) -> Run:
        """Let the asset ring, and wait for the run that it starts."""
        before = {run.run_id for run in self.api.runs(DAG)}
        self.api.ring(package_asset(ENVIRONMENT), {})
        found: list[Run] = self.eventually(
            lambda: [run for run in self.api.runs(DAG) if run.run_id not in before], "the asset's event starts a run"
        )
        return found[0]

    def reaches(self, run: Run, task: str, *states: str) -> str:
        """Wait until a task of a run is in one of these states; a failure of another task ends the wait."""

        def look() -> str:
            seen = self.api.task_states(run.dag_id, run.run_id)
            failed = [name for name, state in seen.items() if state == "failed" and name != task]
            assert not failed or seen[task] in states, f"{failed[0]} failed: {self.log(run, failed[0])}"
            return seen[task] if seen.get(task) in states else ""

        return str(self.eventually(look, f"{task} of {run.run_id} is {' or '.join(states)}"))

    def answer(self, run: Run, option: str, comment: str) -> None:
        """Answer a run's approval, as slowly after the question as a person who reads it."""
        self.reaches(run, APPROVE, "awaiting_input")
        (waiting,) = [one for one in self.api.waiting_approvals(DAG) if one.run_id == run.run_id]
        # An answer that comes before the asking process's end is known is lost (apache/airflow#72716).
        asked = time.monotonic()
        self.eventually(lambda: time.monotonic() - asked > 3.0, "reading takes three seconds")
        assert self.api.answer_approval(waiting, option, answer_fields(comment))

    def ends(self, run: Run) -> Run:
        """Wait for the end of a run."""

        def look() -> Run | None:
            now = self.api.run(run.dag_id, run.run_id)
            return now if now.state in ("success", "failed") else None

        ended: Run = self.eventually(look, f"the end of {run.run_id}")
        return ended

    def mark_failed(self, run: Run, task: str) -> None:
        """Mark a task failed, as a person does in the web UI."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task}"
        self._request("PATCH", path, json={"new_state": "failed"}).raise_for_status()

    def note(self, run: Run) -> str:
        return self.api.run(run.dag_id, run.run_id).note

    def log(self, run: Run, task: str) -> str:
        """The log of a task's last try, as the web UI shows it."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task}"
        tries = self.get(path)["try_number"]
        content = self.get(f"{path}/logs/{tries}", full_content="true")["content"]
        return "\n".join(line["event"] if isinstance(line, dict) else str(line) for line in content)

    @contextmanager
    def environment_changed(self, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Change the environment file for a while; a task reads it anew when it begins."""
        before = self.environment_file.read_text()
        data = yaml.safe_load(before)
        change(data)
        self.environment_file.write_text(yaml.safe_dump(data, sort_keys=False))
        try:
            yield
        finally:
            self.environment_file.write_text(before)

    def eventually(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until a condition holds, and return what it returned."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := condition()):
            assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
            time.sleep(0.3)
        return value

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        given = {"username": self.airflow.admin.name, "password": self.airflow.admin.password}
        token = requests.post(f"{self.airflow.base_url}/auth/token", json=given, timeout=30).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, f"{self.airflow.base_url}/api/v2{path}", headers=headers, timeout=30, **options)

    def _is_known(self) -> bool:
        try:
            return not self.api.is_paused(DAG)
        except NotThere:
            return False

    def _state(self) -> tuple[str, str]:
        return "--state", str(self._lab.folder)

    def _run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done
