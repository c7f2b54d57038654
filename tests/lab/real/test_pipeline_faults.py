"""Faults of GitLab's QA pipelines, on the lab whose application they test: each has the effect that its name says."""

import time
from collections.abc import Callable
from typing import Any

import gitlab
import pytest
import requests

from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., object]


@pytest.fixture
def project(lab: RunningLab) -> Any:
    assert lab.record.gitlab
    client = gitlab.Gitlab(lab.record.gitlab.url, private_token=lab.record.gitlab_token)
    return client.projects.get(lab.record.gitlab_project)


def run_pipeline(project: Any) -> Any:
    """Create a pipeline and wait until it is at an end."""
    return ended(project, project.pipelines.create({"ref": "main"}).id)


def ended(project: Any, number: int) -> Any:
    def look() -> Any:
        pipeline = project.pipelines.get(number)
        return pipeline if pipeline.status in ("success", "failed") else None

    return eventually(look, "the pipeline ends")


def test_a_sound_lab_passes_its_tests(project: Any) -> None:
    pipeline = run_pipeline(project)
    assert pipeline.status == "success"
    assert pipeline.test_report.get().total_count > 0


def test_failing_pipelines_fail(project: Any, broken: Break) -> None:
    broken("qa-failing")
    assert run_pipeline(project).status == "failed"


def test_a_flaky_pipeline_succeeds_when_it_is_run_again(project: Any, broken: Break) -> None:
    broken("qa-flaky")
    pipeline = run_pipeline(project)
    assert pipeline.status == "failed"
    pipeline.retry()
    eventually(lambda: project.pipelines.get(pipeline.id).status == "success", "the second try succeeds")


def test_a_stuck_pipeline_runs_on(project: Any, broken: Break) -> None:
    broken("qa-stuck")
    pipeline = project.pipelines.create({"ref": "main"})
    eventually(lambda: project.pipelines.get(pipeline.id).status == "running", "it runs")
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        assert project.pipelines.get(pipeline.id).status == "running"


def test_an_empty_pipeline_succeeds_without_a_test(project: Any, broken: Break) -> None:
    broken("qa-empty")
    pipeline = run_pipeline(project)
    assert pipeline.status == "success"
    assert pipeline.test_report.get().total_count == 0


def test_a_gitlab_that_is_down_refuses_connections_until_it_is_mended(
    lab: RunningLab, project: Any, broken: Break
) -> None:
    assert lab.record.gitlab
    broken("gitlab-down")
    with pytest.raises(requests.ConnectionError):
        requests.get(lab.record.gitlab.url, timeout=5)
    lab.fault("gitlab-down").lift("")
    assert requests.get(f"{lab.record.gitlab.url}/-/readiness", timeout=5).status_code == 200
