import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from lab.faults import find_fault
from lab.kind import open_kind
from lab.layout import plan_layout
from lab.ports import free_ports
from lab.state import Endpoint, LabRecord, LabState
from takeoff.clients.gitlab import GitlabProject, Pipeline
from takeoff.clients.json_requests import NotThere
from takeoff.core.errors import ConfigError, SourceUnavailable, SourceUntrusted
from takeoff.core.qa_report import ENDED, judge_qa
from tests.clients.scripted_server import Answer, ScriptedServer, scripted_server

PROJECT = "quality/staging"
TOKEN = "glpat-of-the-tests"


@pytest.fixture
def state(tmp_path: Path) -> LabState:
    """A lab that has a GitLab only; its smoke tests find nobody, and fail."""
    nobody = Endpoint(address="127.0.0.1", port=free_ports(1)[0])
    record = LabRecord(kind="process", layout=plan_layout(8), gitlab_token=TOKEN, fronts={"web": nobody, "git": nobody})
    state = LabState(tmp_path / "lab")
    state.write(record)
    return state


@pytest.fixture
def url(state: LabState) -> Iterator[str]:
    """The address of the lab's GitLab."""
    port = free_ports(1)[0]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.standins.gitlab", "127.0.0.1", str(port), str(state.folder)], cwd=root
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                requests.get(f"http://127.0.0.1:{port}/-/readiness", timeout=1).raise_for_status()
                break
            except requests.RequestException:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def project(url: str) -> GitlabProject:
    return GitlabProject(url, PROJECT, TOKEN)


def ended(project: GitlabProject, pipeline: Pipeline) -> Pipeline:
    deadline = time.monotonic() + 30
    while (now := project.pipeline(pipeline.id)).status not in ENDED:
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    return now


def test_a_pipeline_gets_its_variables_and_is_found_again(project, url):
    made = project.start_pipeline("main", {"VERSION": "17.4.1-ee.0"})
    assert project.pipeline(made.id).url == made.url
    path = f"{url}/api/v4/projects/quality%2Fstaging/pipelines/{made.id}/variables"
    variables = requests.get(path, headers={"PRIVATE-TOKEN": TOKEN}, timeout=10).json()
    assert [(one["key"], one["value"]) for one in variables] == [("VERSION", "17.4.1-ee.0")]


def test_failed_jobs_run_again_in_the_same_pipeline_and_every_try_is_evidence(project):
    first = ended(project, project.start_pipeline("main", {}))
    assert first.status == "failed"
    again = project.run_failed_jobs_again(first.id)
    assert again.id == first.id
    evidence = project.evidence(ended(project, again))
    assert evidence.tries == 2
    assert evidence.report.failed
    assert not judge_qa(evidence).passed


def test_a_pipeline_without_tests_succeeds_and_does_not_pass(project, state):
    find_fault(state, open_kind("process", state), "qa-empty", "").apply("")
    evidence = project.evidence(ended(project, project.start_pipeline("main", {})))
    assert evidence.status == "success"
    assert "without a single test" in judge_qa(evidence).sentence


def test_a_deployment_is_recorded_once_and_brought_to_its_end(project):
    sha = project.commit("HEAD")
    begun = project.record_deployment("gstg", ref="17.4.1-ee.0", sha=sha, status="running")
    assert project.record_deployment("gstg", ref="17.4.1-ee.0", sha=sha, status="running") == begun
    assert project.record_deployment("gstg", ref="17.4.1-ee.0", sha=sha, status="success") == begun
    assert project.record_deployment("gstg", ref="17.4.2-ee.0", sha=sha, status="running") != begun


def test_a_deleted_pipeline_is_told_from_other_trouble(project):
    with pytest.raises(NotThere, match="look at pipeline 4711 was answered 404"):
        project.pipeline(4711)


def test_an_unknown_ref_is_the_files_mistake(project):
    with pytest.raises(
        ConfigError, match=r"create a pipeline on no-such-branch was answered 400: .*Reference not found"
    ):
        project.start_pipeline("no-such-branch", {})


def test_a_refused_token_is_told_as_such(url):
    with pytest.raises(ConfigError, match="answered 401"):
        GitlabProject(url, PROJECT, "wrong").start_pipeline("main", {})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as one:
        yield one


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        pytest.param(Answer("<html>", kind="text/html"), SourceUntrusted, "is no JSON", id="a login page"),
        pytest.param(Answer({"message": "down"}, 503), SourceUnavailable, "answered 503", id="down"),
        pytest.param(Answer({"message": "slow down"}, 429), SourceUnavailable, "answered 429", id="too many requests"),
        pytest.param(Answer({"id": 7}), SourceUntrusted, "lacks", id="an answer without a status"),
    ],
)
def test_each_wrong_answer_has_its_error(server, answer, error, said):
    server.answers["GET /api/v4/projects/quality%2Fstaging/pipelines/7"] = answer
    with pytest.raises(error) as caught:
        GitlabProject(server.url, PROJECT, TOKEN).pipeline(7)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_gitlab_that_does_not_answer_is_worth_another_try(server):
    with scripted_server() as gone:
        url = gone.url
    with pytest.raises(SourceUnavailable, match="no answer to the request to look at pipeline 7"):
        GitlabProject(url, PROJECT, TOKEN).pipeline(7)
