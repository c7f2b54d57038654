"""The API's routes: who may call them, and what they answer."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Any

from lab.standins.gitlab import pipelines
from lab.standins.gitlab.deployments import Deployments
from lab.standins.gitlab.pipelines import Pipeline, Pipelines
from lab.standins.gitlab.shapes import missing, now, page
from lab.standins.gitlab.smoke_tests import TestResult, run_tests
from lab.standins.http_api import Api, ApiError, Request, Response
from lab.state import LabState, read_fault

VERSION = "17.1.0-ee"
PROJECT_ID = 5
DEFAULT_BRANCH = "main"


class Gitlab:
    """One GitLab with one project, whose pipelines test the lab's application."""

    def __init__(self, state: LabState) -> None:
        self._state = state
        self._pipelines = Pipelines(self._run_tests, lambda: read_fault(state, "qa"))
        self._deployments = Deployments()
        self._variables: dict[str, dict[str, Any]] = {}
        self._freeze_periods: dict[int, dict[str, Any]] = {}

    def api(self) -> Api:
        """All routes; every one but readiness needs the token."""
        api = Api(missing={"error": "404 Not Found"})
        api.add("GET", "/-/readiness", lambda _: Response(200, {"status": "ok"}))
        project = "/api/v4/projects/(?P<project>[^/]+)"
        one = f"{project}/pipelines/(?P<pipeline>\\d+)"
        self._add(
            api, "GET", "/api/v4/version", lambda _: Response(200, {"version": VERSION, "revision": "3e1fd8c0f24"})
        )
        self._add(
            api, "GET", "/api/v4/user", lambda _: Response(200, {"id": 1, "username": "takeoff", "state": "active"})
        )
        self._add(api, "GET", project, lambda request: Response(200, self._project(request)))
        self._add(api, "POST", f"{project}/pipeline", self._create_pipeline)
        self._add(api, "GET", f"{project}/pipelines", self._list_pipelines)
        self._add(api, "GET", one, lambda request: Response(200, self._shown(request, self._pipeline(request))))
        self._add(api, "POST", f"{one}/retry", self._retry)
        self._add(api, "POST", f"{one}/cancel", self._cancel)
        self._add(api, "GET", f"{one}/jobs", self._jobs)
        self._add(api, "GET", f"{one}/variables", lambda request: Response(200, self._pipeline(request).variables))
        self._add(api, "GET", f"{one}/test_report", lambda r: Response(200, pipelines.report(self._pipeline(r))))
        self._add(
            api,
            "GET",
            f"{one}/test_report_summary",
            lambda r: Response(200, pipelines.report_summary(self._pipeline(r))),
        )
        self._add(api, "GET", f"{project}/variables", lambda request: page(request, list(self._variables.values())))
        self._add(api, "POST", f"{project}/variables", self._create_variable)
        variable, period = f"{project}/variables/(?P<key>\\w+)", f"{project}/freeze_periods/(?P<period>\\d+)"
        self._add(api, "GET", variable, self._variable)
        self._add(api, "PUT", variable, self._update_variable)
        self._add(api, "DELETE", variable, self._delete_variable)
        self._add(
            api, "GET", f"{project}/freeze_periods", lambda request: page(request, list(self._freeze_periods.values()))
        )
        self._add(api, "POST", f"{project}/freeze_periods", self._create_freeze_period)
        self._add(api, "GET", period, self._freeze_period)
        self._add(api, "PUT", period, self._update_freeze_period)
        self._add(api, "DELETE", period, self._delete_freeze_period)
        for method, path, handler in self._deployments.routes():
            self._add(api, method, project + path, handler)
        return api

    def _add(self, api: Api, method: str, pattern: str, handler: Callable[[Request], Response]) -> None:
        def guarded(request: Request) -> Response:
            record = self._state.read()
            given = request.headers.get("PRIVATE-TOKEN") or request.headers.get("Authorization", "").removeprefix(
                "Bearer "
            )
            if not given or not hmac.compare_digest(given, record.gitlab_token):
                raise ApiError(401, {"message": "401 Unauthorized"})
            if "project" in request.match and request.match["project"] not in (record.gitlab_project, str(PROJECT_ID)):
                raise missing("Project")
            return handler(request)

        api.add(method, pattern, guarded)

    def _run_tests(self) -> list[TestResult]:
        fronts = self._state.read().fronts
        return run_tests(fronts["web"].url, fronts["git"].url)

    def _project(self, request: Request) -> dict[str, Any]:
        path = self._state.read().gitlab_project
        return {
            "id": PROJECT_ID,
            "name": path.rpartition("/")[2],
            "path_with_namespace": path,
            "default_branch": DEFAULT_BRANCH,
            "web_url": f"{request.base}/{path}",
        }

    def _shown(self, request: Request, pipeline: Pipeline) -> dict[str, Any]:
        return pipelines.described(pipeline, self._project(request))

    def _pipeline(self, request: Request) -> Pipeline:
        pipeline = self._pipelines.find(int(request.match["pipeline"]))
        if pipeline is None:
            raise missing()
        return pipeline

    def _create_pipeline(self, request: Request) -> Response:
        body = request.json()
        ref = body.get("ref") or request.first("ref")
        if not ref:
            raise ApiError(400, {"error": "ref is missing"})
        if ref != DEFAULT_BRANCH:
            raise ApiError(400, {"message": {"base": ["Reference not found"]}})
        variables = [
            {
                "key": each["key"],
                "value": str(each.get("value", "")),
                "variable_type": each.get("variable_type", "env_var"),
                "raw": False,
            }
            for each in body.get("variables", [])
        ]
        return Response(201, self._shown(request, self._pipelines.create(ref, variables)))

    def _list_pipelines(self, request: Request) -> Response:
        shown = [self._shown(request, each) for each in self._pipelines.listed()]
        wanted = {name: request.first(name) for name in ("status", "ref") if request.first(name)}
        return page(request, [each for each in shown if all(each[name] == value for name, value in wanted.items())])

    def _retry(self, request: Request) -> Response:
        pipeline = self._pipeline(request)
        self._pipelines.retry(pipeline)
        return Response(201, self._shown(request, pipeline))

    def _cancel(self, request: Request) -> Response:
        pipeline = self._pipeline(request)
        self._pipelines.cancel(pipeline)
        return Response(200, self._shown(request, pipeline))

    def _jobs(self, request: Request) -> Response:
        pipeline, project = self._pipeline(request), self._project(request)
        jobs = pipeline.jobs if request.first("include_retried").lower() == "true" else pipeline.jobs[-1:]
        return page(request, [pipelines.described_job(each, pipeline, project) for each in jobs])

    def _create_variable(self, request: Request) -> Response:
        body = request.json()
        if not re.fullmatch(r"\w+", body.get("key", "")) or "value" not in body:
            raise ApiError(400, {"error": "key is missing, value is missing"})
        if body["key"] in self._variables:
            raise ApiError(400, {"message": {"key": [f"({body['key']}) has already been taken"]}})
        defaults = {
            "variable_type": "env_var",
            "protected": False,
            "masked": False,
            "raw": False,
            "environment_scope": "*",
        }
        self._variables[body["key"]] = {**defaults, **body}
        return Response(201, self._variables[body["key"]])

    def _variable(self, request: Request) -> Response:
        if request.match["key"] not in self._variables:
            raise missing("Variable")
        return Response(200, self._variables[request.match["key"]])

    def _update_variable(self, request: Request) -> Response:
        self._variable(request).content.update(request.json())
        return self._variable(request)

    def _delete_variable(self, request: Request) -> Response:
        self._variable(request)
        del self._variables[request.match["key"]]
        return Response(204)

    def _create_freeze_period(self, request: Request) -> Response:
        body = request.json()
        if lacking := [name for name in ("freeze_start", "freeze_end") if not body.get(name)]:
            raise ApiError(400, {"error": ", ".join(f"{name} is missing" for name in lacking)})
        number = max(self._freeze_periods, default=0) + 1
        self._freeze_periods[number] = {
            "id": number,
            "freeze_start": body["freeze_start"],
            "freeze_end": body["freeze_end"],
            "cron_timezone": body.get("cron_timezone", "UTC"),
            "created_at": now(),
            "updated_at": now(),
        }
        return Response(201, self._freeze_periods[number])

    def _freeze_period(self, request: Request) -> Response:
        number = int(request.match["period"])
        if number not in self._freeze_periods:
            raise missing("Freeze Period")
        return Response(200, self._freeze_periods[number])

    def _update_freeze_period(self, request: Request) -> Response:
        self._freeze_period(request).content.update({**request.json(), "updated_at": now()})
        return self._freeze_period(request)

    def _delete_freeze_period(self, request: Request) -> Response:
        self._freeze_period(request)
        del self._freeze_periods[int(request.match["period"])]
        return Response(204)
