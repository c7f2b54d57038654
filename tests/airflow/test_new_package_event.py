"""From GitLab's webhook to the sensor, in a real Airflow where deploys are held: no event deploys anything."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from debian.debian_support import Version

from takeoff.clients.airflow_api import Run
from takeoff.core.dag_names import package_asset
from tests.airflow.real_airflow import DAG, ROOT, RealAirflow
from tests.clients.debian_repository import needs
from tests.clients.scripted_server import Answer, ScriptedServer, scripted_server

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.timeout(900)]

SECRET = "s3cret-of-the-hook"
EVENT = {
    "object_kind": "pipeline",
    "object_attributes": {"id": 31, "ref": "master", "status": "success", "source": "push"},
    "project": {"path_with_namespace": "gitlab-org/omnibus-gitlab"},
}
ACCEPTED = {"ok": True, "channel": "C1", "ts": "1503435956.000247", "message": {"ts": "1503435956.000247"}}
"""Slack's answer to a message (api.slack.com/methods/chat.postMessage)."""


@pytest.fixture(scope="module")
def slack() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        server.answers["POST /api/chat.postMessage"] = Answer(ACCEPTED)
        yield server


@pytest.fixture(scope="module")
def held(takeoff: RealAirflow, slack: ScriptedServer) -> Iterator[RealAirflow]:
    """An environment with a webhook and a channel, deploys held for two hours, and nothing newer in its repository.

    Airflow's own toggle follows only a hold without an end; it stays on here.
    """
    with (
        takeoff.connection("package_hook", "http", password=SECRET),
        takeoff.connection("slack_of_events", "slack", password="xoxb-1", extra=f'{{"base_url": "{slack.url}/api/"}}'),
        takeoff.environment_changed(with_hook_and_channel),
    ):
        for version in takeoff.repository.versions():
            if Version(version) > Version(takeoff.status()["deployed"]):
                takeoff.repository.withdraw(version)
        takeoff.takeoff("pause", "lab", "--reason", "incident 42", "--for", "2h")
        yield takeoff
        takeoff.takeoff("resume", "lab")


def with_hook_and_channel(data: dict[str, Any]) -> None:
    data["package"] |= {
        "hook": {"connection": "package_hook", "project": "gitlab-org/omnibus-gitlab", "refs": ["master"]},
        "index_wait": "2m",
        "index_poll": "1s",
        "sources": data["package"]["sources"][:1],  # so that nothing answers in its place
    }
    data["notifications"] = {"slack": {"connection": "slack_of_events", "channel": "#deploys"}}


def ring_as_gitlab(airflow: RealAirflow, token: str = SECRET) -> requests.Response:
    url = f"{airflow.airflow.base_url}/takeoff-hooks/gitlab"
    return requests.post(url, json=EVENT, headers={"X-Gitlab-Token": token}, timeout=30)


def started_by(airflow: RealAirflow, action: Callable[[], object]) -> Run:
    """Do something, and wait for the run that it starts."""
    known = {run.run_id for run in airflow.api.runs(DAG)}
    action()
    found: list[Run] = airflow.eventually(
        lambda: [run for run in airflow.api.runs(DAG) if run.run_id not in known], "a run begins"
    )
    return found[0]


def told(slack: ScriptedServer) -> list[str]:
    """The texts of all messages so far."""
    return [one.body["text"] for one in slack.asked]


def next_version(airflow: RealAirflow, patch: str = ".99") -> str:
    major, minor, *_ = airflow.status()["deployed"].split(".")
    return f"{major}.{minor}{patch}-ee.0"


def test_an_event_that_comes_early_waits_without_a_slot_and_a_hold_ends_its_run_well(held: RealAirflow) -> None:
    begun = time.time()
    run = started_by(held, lambda: ring_as_gitlab(held).raise_for_status())
    held.reaches(run, "new_package", "deferred")
    # By Airflow's own record: this test's questions take time of their own.
    ran = held.get(f"/dags/{DAG}/dagRuns/{run.run_id}/taskInstances/new_package")["start_date"]
    took = datetime.fromisoformat(ran).timestamp() - begun
    print(f"from the webhook to a running sensor: {took:.1f} s")
    assert took < 5
    held.eventually(lambda: held.get("/pools/default_pool")["occupied_slots"] == 0, "no slot is taken")

    entries = len(held.journal())
    held.publish(next_version(held))
    assert held.ends(run).state == "success"
    assert set(held.api.task_states(DAG, run.run_id).values()) == {"skipped"}
    note = held.note(run)
    assert f"{next_version(held)} is there; paused: deploys are paused until " in note
    assert "incident 42" in note
    assert len(held.journal()) == entries


@needs("curl", "jq")
def test_the_ci_job_of_the_documentation_rings(held: RealAirflow, tmp_path: Path) -> None:
    (job,) = re.findall(r"```yaml\n(ring-takeoff:.*?)```", (ROOT / "docs/packages.md").read_text(), re.DOTALL)
    (script,) = yaml.safe_load(job)["ring-takeoff"]["script"]
    service = held.airflow.service_account
    variables = {
        "PATH": os.environ["PATH"],
        "ASSET": package_asset("lab"),
        "AIRFLOW_URL": held.airflow.base_url,
        "AIRFLOW_USER": service.name,
        "AIRFLOW_PASSWORD": service.password,
        "CI_PIPELINE_URL": "https://gitlab.example/-/pipelines/31",
    }

    def run_job(**changed: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-e", "-c", script],
            env=variables | changed,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    run = started_by(held, lambda: run_job().check_returncode())
    assert run.run_id.startswith("asset_triggered")
    assert held.ends(run).state == "success"
    wrong = run_job(ASSET=package_asset("nowhere"))
    assert wrong.returncode == 1
    assert "Airflow knows no asset takeoff.package.nowhere" in wrong.stderr


def test_a_source_that_cannot_be_trusted_is_told_once_and_again_when_it_is_over(
    held: RealAirflow, slack: ScriptedServer
) -> None:
    before = len(told(slack))
    unsigned = held.fault("repository-unsigned")
    unsigned.apply("")
    held.publish(next_version(held, ".98"))  # An index that has not changed is not read again.
    try:
        for _ in range(2):
            assert held.ends(held.ring()).state == "failed"
    finally:
        unsigned.lift("")
    (trouble,) = told(slack)[before:]
    assert trouble.endswith("lab: packages cannot be looked for")
    for _ in range(2):
        assert held.ends(held.ring()).state == "success"
    (over,) = told(slack)[before + 1 :]
    assert "lab: packages can be looked for again" in over


def test_an_event_while_deploys_are_held_without_an_end_starts_no_run(held: RealAirflow) -> None:
    known = {run.run_id for run in held.api.runs(DAG)}
    held.takeoff("pause", "lab", "--reason", "incident 43")
    try:
        assert held.api.is_paused(DAG)
        rung = held.get("/assets/events")["total_entries"]
        ring_as_gitlab(held).raise_for_status()
        held.eventually(lambda: held.get("/assets/events")["total_entries"] > rung, "the event has come")
        assert held.get(f"/dags/{DAG}/assets/queuedEvents")["total_entries"] == 0
    finally:
        held.takeoff("pause", "lab", "--reason", "incident 42", "--for", "2h")
    assert {run.run_id for run in held.api.runs(DAG)} == known


@pytest.mark.parametrize("token", ["wrong", ""])
def test_who_does_not_know_the_secret_rings_nothing(held: RealAirflow, token: str) -> None:
    known = {run.run_id for run in held.api.runs(DAG)}
    assert ring_as_gitlab(held, token).status_code == 401
    assert {run.run_id for run in held.api.runs(DAG)} == known
