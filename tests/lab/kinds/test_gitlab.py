"""The stand-in for GitLab, through the client that Takeoff uses."""

from typing import Any

import gitlab
import pytest
import requests

from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab


@pytest.fixture
def project(lab: RunningLab) -> Any:
    record = lab.record
    assert record.gitlab
    return gitlab.Gitlab(record.gitlab.url, private_token=record.gitlab_token).projects.get(record.gitlab_project)


def raw(lab: RunningLab, path: str, method: str = "GET", **options: Any) -> requests.Response:
    record = lab.record
    assert record.gitlab
    headers = options.pop("headers", {"PRIVATE-TOKEN": record.gitlab_token})
    return requests.request(method, f"{record.gitlab.url}/api/v4{path}", headers=headers, timeout=10, **options)


def test_a_pipeline_runs_the_smoke_tests_against_the_application(lab: RunningLab, project: Any) -> None:
    variables = [{"key": "DEPLOY_VERSION", "value": "17.0.0-ee.0"}]
    pipeline = project.pipelines.create({"ref": "main", "variables": variables})
    assert pipeline.status in ("created", "running")
    assert [(each.key, each.value) for each in pipeline.variables.list()] == [("DEPLOY_VERSION", "17.0.0-ee.0")]
    eventually(lambda: pipeline.refresh() or pipeline.status == "success", "it succeeds")
    report = pipeline.test_report.get()
    assert (report.total_count, report.success_count, report.failed_count) == (5, 5, 0)
    assert {case["status"] for case in report.test_suites[0]["test_cases"]} == {"success"}
    assert pipeline.test_report_summary.get().total["count"] == 5


def test_a_pipeline_fails_when_the_application_does(lab: RunningLab, project: Any) -> None:
    hosts = [host.name for host in lab.record.layout.hosts if host.role == "git"]
    for host in hosts:
        lab.break_("requests", host)
    try:
        pipeline = project.pipelines.create({"ref": "main"})
        eventually(lambda: pipeline.refresh() or pipeline.status == "failed", "it fails")
        failed = [c for c in pipeline.test_report.get().test_suites[0]["test_cases"] if c["status"] == "failed"]
        assert [case["name"] for case in failed] == ["Git is served over HTTP"]
        assert "a git host answered 500" in failed[0]["system_output"]
    finally:
        for host in hosts:
            lab.mend("requests", host)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="none"),
        pytest.param({"PRIVATE-TOKEN": "wrong"}, 401, id="wrong"),
        pytest.param({"Authorization": "Bearer wrong"}, 401, id="wrong bearer"),
    ],
)
def test_without_the_token_nothing_is_told(lab: RunningLab, headers: dict[str, str], status: int) -> None:
    answer = raw(lab, "/projects/5", headers=headers)
    assert (answer.status_code, answer.json()) == (status, {"message": "401 Unauthorized"})


def test_the_token_may_come_as_bearer(lab: RunningLab) -> None:
    assert raw(lab, "/version", headers={"Authorization": f"Bearer {lab.record.gitlab_token}"}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        pytest.param("GET", "/projects/no%2Fone", None, 404, "404 Project Not Found", id="project"),
        pytest.param("GET", "/projects/5/pipelines/1", None, 404, "404 Not Found", id="pipeline"),
        pytest.param("POST", "/projects/5/pipeline", {"ref": "gone"}, 400, "Reference not found", id="ref"),
        pytest.param("POST", "/projects/5/pipeline", {}, 400, "ref is missing", id="no ref"),
        pytest.param("POST", "/projects/5/freeze_periods", {}, 400, "freeze_start is missing", id="freeze period"),
        pytest.param("POST", "/projects/5/deployments", {"ref": "x"}, 400, "environment is missing", id="deployment"),
        pytest.param("GET", "/nothing", None, 404, "404 Not Found", id="route"),
    ],
)
def test_errors_have_gitlabs_form(
    lab: RunningLab, method: str, path: str, body: Any, status: int, message: str
) -> None:
    answer = raw(lab, path, method, json=body)
    assert answer.status_code == status
    assert message in answer.text


def test_lists_come_in_pages_with_gitlabs_headers(lab: RunningLab, project: Any) -> None:
    for number in range(3):
        project.deployments.create(
            {"environment": "paged", "sha": f"{number:040}", "ref": "main", "tag": False, "status": "running"}
        )
    answer = raw(lab, "/projects/5/deployments?environment=paged&per_page=2")
    assert [answer.headers[name] for name in ("X-Total", "X-Total-Pages", "X-Page", "X-Next-Page")] == [
        "3",
        "2",
        "1",
        "2",
    ]
    assert len(requests.get(answer.links["next"]["url"], headers=answer.request.headers, timeout=10).json()) == 1
    assert len(project.deployments.list(environment="paged", per_page=2, get_all=True)) == 3


def test_a_deployment_goes_from_running_to_success_once(project: Any) -> None:
    fields = {"environment": "lab", "sha": "0" * 40, "ref": "17.0.0-ee.0", "tag": True, "status": "running"}
    deployment = project.deployments.create(fields)
    deployment.status = "success"
    deployment.save()
    assert project.deployments.get(deployment.id).status == "success"
    with pytest.raises(gitlab.GitlabUpdateError, match="Cannot transition status"):
        project.deployments.update(deployment.id, {"status": "success"})


def test_freeze_periods_are_kept(lab: RunningLab) -> None:
    path, period = "/projects/5/freeze_periods", {"freeze_start": "0 23 * * 5", "freeze_end": "0 7 * * 1"}
    made = raw(lab, path, "POST", json=period)
    assert (made.status_code, made.json()["cron_timezone"]) == (201, "UTC")
    assert [each["freeze_start"] for each in raw(lab, path).json()] == ["0 23 * * 5"]
    assert raw(lab, f"{path}/{made.json()['id']}", "DELETE").status_code == 204
    assert raw(lab, path).json() == []


def test_variables_are_kept(project: Any) -> None:
    project.variables.create({"key": "PAUSED", "value": "1"})
    project.variables.update("PAUSED", {"value": "2"})
    assert project.variables.get("PAUSED").value == "2"
    project.variables.delete("PAUSED")
    with pytest.raises(gitlab.GitlabGetError, match="404 Variable Not Found"):
        project.variables.get("PAUSED")
