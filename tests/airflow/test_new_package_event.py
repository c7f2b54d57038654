"""From GitLab's webhook to the sensor, in a real Airflow on the lab."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from lab.airflow import LocalAirflow
from lab.environment_file import connections, environment_path
from lab.kind import open_kind
from lab.state import LabState
from takeoff.clients.airflow_api import AirflowApi
from takeoff.core.dag_names import deploy_dag, package_asset
from tests.clients.debian_repository import needs

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
DAG = deploy_dag("lab")
SECRET = "s3cret-of-the-hook"
EVENT = {
    "object_kind": "pipeline",
    "object_attributes": {"id": 31, "ref": "master", "status": "success", "source": "push"},
    "project": {"path_with_namespace": "gitlab-org/omnibus-gitlab"},
}


class Scene:
    """A lab with an adopted environment that has a webhook, and an Airflow that knows it."""

    def __init__(self, folder: Path) -> None:
        self.lab = LabState(folder / "lab")
        self.environments = folder / "environments"
        self.airflow_folder = folder / "airflow"

    def lab_command(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "lab", *arguments, "--state", str(self.lab.folder)]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr

    def write_environment(self) -> None:
        written = yaml.safe_load(environment_path(self.lab).read_text())
        written["package"] |= {
            "hook": {"connection": "package_hook", "project": "gitlab-org/omnibus-gitlab", "refs": ["master"]},
            "index_wait": "2m",
            "index_poll": "1s",
        }
        written["schedule"] = None
        self.environments.mkdir()
        (self.environments / "lab.yml").write_text(yaml.safe_dump(written))

    def publish(self, version: str) -> None:
        record = self.lab.read()
        with self.lab.lock():
            open_kind(record.kind, self.lab).repository.publish(version)

    def start_airflow(self) -> LocalAirflow:
        hook = {"package_hook": {"conn_type": "http", "password": SECRET}}
        self.airflow = LocalAirflow(
            self.airflow_folder,
            self.environments,
            connections=connections(self.lab.read()) | hook,
            extra_env={"TAKEOFF_CACHE": str(self.airflow_folder / "cache")},
        )
        self.airflow.start()
        return self.airflow

    def takeoff(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "takeoff.cli", *arguments]
        environment = self.airflow.env | {"TAKEOFF_ENVIRONMENTS": str(self.environments), "PYTHONPATH": "plugins"}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=60)

    @property
    def api(self) -> AirflowApi:
        admin = self.airflow.admin
        return AirflowApi(self.airflow.base_url, admin.name, admin.password, requests.Session())

    def ring(self, token: str = SECRET) -> requests.Response:
        return requests.post(
            f"{self.airflow.base_url}/takeoff-hooks/gitlab", json=EVENT, headers={"X-Gitlab-Token": token}, timeout=10
        )

    def ask(self, path: str) -> Any:
        answer = requests.get(
            f"{self.airflow.base_url}/api/v2{path}", headers={"Authorization": f"Bearer {self.token()}"}, timeout=10
        )
        answer.raise_for_status()
        return answer.json()

    def token(self) -> str:
        given = {"username": self.airflow.admin.name, "password": self.airflow.admin.password}
        return str(requests.post(f"{self.airflow.base_url}/auth/token", json=given, timeout=10).json()["access_token"])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("event"))
    try:
        scene.lab_command("up", "--hosts", "8")
        scene.write_environment()
        scene.start_airflow()
        scene.takeoff("adopt", "lab")
        until(lambda: scene.ask(f"/dags/{DAG}")["timetable_summary"] is not None, "the DAG is there", 60)
        yield scene
    finally:
        if hasattr(scene, "airflow"):
            scene.airflow.stop()
        scene.lab_command("down")


def until(condition: Callable[[], Any], what: str, seconds: float) -> Any:
    """Wait for a condition and return what it gave."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := condition():
                return found
        except requests.HTTPError as error:
            if error.response is None or error.response.status_code != 404:
                raise
        assert time.monotonic() < end, f"not in {seconds} s: {what}"
        time.sleep(0.1)


def new_run(scene: Scene, known: set[str]) -> str:
    runs = [run.run_id for run in scene.api.runs(DAG) if run.run_id not in known]
    return runs[0] if runs else ""


def run_ids(scene: Scene) -> set[str]:
    return {run.run_id for run in scene.api.runs(DAG)}


def sensor(scene: Scene, run_id: str) -> str:
    return scene.api.task_states(DAG, run_id).get("new_package", "")


def test_an_event_that_comes_early_waits_without_a_slot_until_the_package_is_indexed(scene: Scene) -> None:
    known = run_ids(scene)
    begun = time.time()
    answer = scene.ring()
    assert answer.status_code == 202
    assert answer.elapsed.total_seconds() < 0.5
    run_id = until(lambda: new_run(scene, known), "a run", 15)
    until(lambda: sensor(scene, run_id) == "deferred", "the sensor waits", 60)
    # By Airflow's own record: this test's questions take time of their own.
    ran = scene.ask(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/new_package")["start_date"]
    took = datetime.fromisoformat(ran).timestamp() - begun
    print(f"from the webhook to a running sensor: {took:.1f} s")
    assert took < 5
    assert scene.ask("/pools/default_pool")["occupied_slots"] == 0

    scene.publish("17.1.0-ee.0")
    until(lambda: sensor(scene, run_id) == "success", "the package was found", 30)
    scene.api.end_run(DAG, run_id, "failed", "only the sensor was tried")
    found = scene.ask(f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/new_package/xcomEntries/return_value")
    assert "17.1.0-ee.0" in str(found["value"])


def test_an_event_while_deploys_are_held_changes_nothing(scene: Scene) -> None:
    scene.publish("17.1.0-ee.0")
    scene.takeoff("pause", "lab", "--reason", "incident 42")
    known = run_ids(scene)
    scene.ring()
    run_id = until(lambda: new_run(scene, known), "a run", 15)
    until(lambda: scene.api.run(DAG, run_id).state == "success", "the run ends", 60)
    states = scene.api.task_states(DAG, run_id)
    assert set(states.values()) == {"skipped"}
    note = scene.api.run(DAG, run_id).note
    assert "17.1.0-ee.0 is there; paused: deploys are paused: incident 42" in note
    scene.takeoff("resume", "lab")


@needs("curl", "jq")
def test_the_ci_job_of_the_documentation_rings(scene: Scene, tmp_path: Path) -> None:
    (job,) = re.findall(r"```yaml\n(ring-takeoff:.*?)```", (ROOT / "docs/packages.md").read_text(), re.DOTALL)
    (script,) = yaml.safe_load(job)["ring-takeoff"]["script"]
    service = scene.airflow.service_account
    variables = {
        "PATH": os.environ["PATH"],
        "ASSET": package_asset("lab"),
        "AIRFLOW_URL": scene.airflow.base_url,
        "AIRFLOW_USER": service.name,
        "AIRFLOW_PASSWORD": service.password,
        "CI_PIPELINE_URL": "https://gitlab.example/-/pipelines/31",
    }
    known = run_ids(scene)
    done = subprocess.run(
        ["sh", "-e", "-c", script], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    run_id = until(lambda: new_run(scene, known), "a run", 15)
    assert run_id.startswith("asset_triggered")
    scene.api.end_run(DAG, run_id, "failed", "only the bell was tried")
    variables["ASSET"] = package_asset("nowhere")
    done = subprocess.run(
        ["sh", "-e", "-c", script], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Airflow knows no asset takeoff.package.nowhere" in done.stderr


def test_who_does_not_know_the_secret_rings_nothing(scene: Scene) -> None:
    known = run_ids(scene)
    assert scene.ring("wrong").status_code == 401
    assert scene.ring("").status_code == 401
    assert run_ids(scene) == known
