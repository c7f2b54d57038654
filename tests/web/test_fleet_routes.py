"""The fleet as JSON, and the page's files, for users that Airflow knows."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient

from takeoff.core.fleet_view import FleetView, Mirrored
from takeoff.web.airflow_users import get_user
from takeoff.web.fleet_routes import PAGE, PAGE_FILES, fleet_routes
from tests.core.journals import Journal
from tests.web.fleet_scene import NOW, stopped, written

KNOWN = {"lab": stopped(), "gstg": written(Journal(), "gstg"), "new": Mirrored()}


def client_of(may_read: Callable[[str], bool], logged_in: bool = True) -> TestClient:
    app = FastAPI()
    app.include_router(fleet_routes(lambda: KNOWN, lambda request, user, dag: may_read(dag), lambda: NOW))
    if logged_in:
        app.dependency_overrides[get_user] = lambda: object()
    return TestClient(app)


def test_every_environment_is_told_with_the_age_of_what_is_known_of_it() -> None:
    answer = client_of(lambda dag: True).get("/")
    fleet = FleetView.model_validate(answer.json())
    assert [one.environment for one in fleet.environments] == ["lab", "gstg", "new"]
    assert [one.age_s for one in fleet.environments] == [30, 30, None]


def test_a_stopped_operation_is_told_with_its_task_and_the_host_that_failed() -> None:
    lab = FleetView.model_validate(client_of(lambda dag: True).get("/").json()).environments[0]
    assert lab.status is not None
    assert lab.status.operation is not None
    assert [task.task for task in lab.status.operation.tasks if task.state == "failed"] == ["main.web"]
    assert [name for group in lab.groups for name in group.differing] == ["web-02"]
    assert (lab.target, lab.trouble) == ("17.2.0-ee.0", KNOWN["lab"].trouble)


def test_a_user_sees_only_the_environments_whose_deploy_dag_they_may_read() -> None:
    fleet = client_of(lambda dag: dag == "deploy_gstg").get("/").json()
    assert [one["environment"] for one in fleet["environments"]] == ["gstg"]


def test_a_user_who_may_read_no_deploy_dag_gets_403() -> None:
    answer = client_of(lambda dag: False).get("/")
    assert answer.status_code == 403
    assert answer.json()["detail"] == "You may read the deploy DAG of no environment."


@pytest.mark.parametrize("path", ["/", "/page/fleet.js"])
def test_nobody_gets_401(path: str) -> None:
    assert client_of(lambda dag: True, logged_in=False).get(path).status_code == 401


@pytest.mark.parametrize("name", sorted(PAGE_FILES))
def test_the_pages_modules_are_served_as_they_are(name: str) -> None:
    answer = client_of(lambda dag: True).get(f"/page/{name}")
    assert answer.content == (PAGE / name).read_bytes()
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["fleet.css", "..%2Ffleet_routes.py", "%2e%2e/fleet_routes.py"])
def test_nothing_but_the_pages_modules_is_served(name: str) -> None:
    assert client_of(lambda dag: True).get(f"/page/{name}").status_code == 404


@pytest.mark.parametrize("name", sorted(PAGE_FILES))
def test_a_module_of_the_page_imports_only_what_is_served_beside_it(name: str) -> None:
    imported = re.findall(r'from "(.+?)"', (PAGE / name).read_text())
    assert {one.removeprefix("./") for one in imported} <= PAGE_FILES
    assert all(one.startswith("./") for one in imported)


def test_airflows_own_refusal_is_a_no_and_its_other_answers_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from takeoff.web import airflow_users

    def answers(status: int) -> bool:
        def refuse(*_: object) -> None:
            raise HTTPException(status)

        monkeypatch.setattr(airflow_users, "requires_access_dag", lambda method, param_dag_id: refuse)
        return airflow_users.may_read_dag(object(), object(), "deploy_lab")  # type: ignore[arg-type]

    assert answers(403) is False
    with pytest.raises(HTTPException):
        answers(500)
