"""Faults of what stands beside the hosts: each has the effect that its name says, and is gone when it is mended."""

import time
from collections.abc import Callable
from typing import Any

import gitlab
import pytest
import requests

from lab.__main__ import main as lab_command_line
from lab.services import READY_PATHS
from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., None]


@pytest.fixture
def pipeline(lab: RunningLab) -> Callable[[], Any]:
    """Start a QA pipeline."""
    record = lab.record
    assert record.gitlab
    client = gitlab.Gitlab(record.gitlab.url, private_token=record.gitlab_token)
    project = client.projects.get(record.gitlab_project)
    return lambda: project.pipelines.create({"ref": "main"})


def finished(run: Any) -> str:
    """How a pipeline ends."""

    def look() -> str:
        run.refresh()
        return str(run.status) if run.status in ("success", "failed", "canceled") else ""

    return str(eventually(look, "the pipeline ends"))


def test_alert_is_critical_and_active_until_it_is_mended(lab: RunningLab, broken: Break) -> None:
    broken("alert")
    eventually(lambda: "GitlabErrorRateTooHigh" in lab.alerts(filter='severity="critical"'), "the alert is active")
    lab.mend("alert")
    eventually(lambda: "GitlabErrorRateTooHigh" not in lab.alerts(), "it has ended")


def test_heartbeat_is_gone_until_it_is_mended(lab: RunningLab, broken: Break) -> None:
    eventually(lambda: "Watchdog" in lab.alerts(), "the heartbeat fires")
    broken("heartbeat")
    eventually(lambda: "Watchdog" not in lab.alerts(), "the heartbeat ends", seconds=40)
    lab.mend("heartbeat")
    eventually(lambda: "Watchdog" in lab.alerts(), "the heartbeat is back", seconds=40)


def test_qa_failing_fails_every_pipeline(broken: Break, pipeline: Callable[[], Any]) -> None:
    broken("qa-failing")
    run = pipeline()
    assert finished(run) == "failed"
    assert run.test_report.get().failed_count == 1
    run.retry()
    assert finished(run) == "failed"


def test_qa_flaky_succeeds_at_the_second_try(broken: Break, pipeline: Callable[[], Any]) -> None:
    broken("qa-flaky")
    run = pipeline()
    assert finished(run) == "failed"
    run.retry()
    assert finished(run) == "success"
    assert len(run.jobs.list(include_retried=True)) == 2


def test_qa_stuck_does_not_end_until_it_is_mended(lab: RunningLab, broken: Break, pipeline: Callable[[], Any]) -> None:
    begun = time.monotonic()
    assert finished(pipeline()) == "success"
    deadline = time.monotonic() + 2 * (time.monotonic() - begun)
    broken("qa-stuck")
    stuck = pipeline()
    eventually(lambda: stuck.refresh() or stuck.status == "running", "it runs")
    while time.monotonic() < deadline:  # twice as long as a sound one takes
        stuck.refresh()
        assert stuck.status == "running"
    lab.mend("qa-stuck")
    assert finished(stuck) == "success"


def test_qa_stuck_can_be_canceled(broken: Break, pipeline: Callable[[], Any]) -> None:
    broken("qa-stuck")
    stuck = pipeline()
    eventually(lambda: stuck.refresh() or stuck.status == "running", "it runs")
    stuck.cancel()
    assert finished(stuck) == "canceled"


def test_qa_empty_succeeds_without_a_test(broken: Break, pipeline: Callable[[], Any]) -> None:
    broken("qa-empty")
    run = pipeline()
    assert finished(run) == "success"
    assert run.test_report_summary.get().total["count"] == 0


@pytest.mark.parametrize("name", ["repository", "alertmanager", "gitlab"])
def test_a_service_that_is_down_refuses_connections_until_it_is_mended(
    lab: RunningLab, broken: Break, name: str
) -> None:
    url = f"{getattr(lab.record, name).url}{READY_PATHS[name]}"
    broken(f"{name}-down")
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)
    lab.mend(f"{name}-down")
    assert requests.get(url, timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["break", "gremlins"], "no fault is called 'gremlins'; there are alert, ", id="fault"),
        pytest.param(["break", "power"], "power breaks one host: name it", id="no host"),
        pytest.param(["break", "power", "web-99"], "the lab has no host 'web-99'; its hosts are deploy-01", id="host"),
        pytest.param(["mend", "alert", "web-01"], "alert does not belong to a host; leave 'web-01' out", id="too many"),
        pytest.param(["publish", "latest"], "'latest' is no version of the application", id="version"),
    ],
)
def test_a_mistake_is_one_sentence(
    lab: RunningLab,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.argv", ["lab", *arguments, "--state", str(lab.state.folder)])
    monkeypatch.setenv("NO_PROXY", "")
    with pytest.raises(SystemExit) as ended:
        lab_command_line()
    said = capsys.readouterr().err
    assert ended.value.code == 1
    assert said.startswith(message)
    assert len(said.splitlines()) == 1
