from collections.abc import Iterator

import pytest
import requests

from takeoff.clients.airflow_api import NOTE_LIMIT, AirflowApi, WaitingApproval
from takeoff.clients.json_requests import NotThere
from takeoff.core.errors import ConfigError, SourceUntrusted
from tests.clients.scripted_server import Answer, ScriptedServer, scripted_server

RUN = "/api/v2/dags/deploy_gstg/dagRuns/manual__2026-11-24T15%3A00%3A00%2B00%3A00"
RUN_ID = "manual__2026-11-24T15:00:00+00:00"
TOKEN = Answer({"access_token": "abc"}, 201)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as one:
        one.answers["POST /auth/token"] = TOKEN
        yield one


@pytest.fixture
def api(server: ScriptedServer) -> Iterator[AirflowApi]:
    with requests.Session() as session:
        session.auth = ("takeoff", "secret")  # as the http provider sets it from a connection
        yield AirflowApi(server.url, "takeoff", "secret", session)


def test_it_logs_in_once_and_sends_the_token(server, api):
    server.answers["GET /api/v2/dags/deploy_gstg"] = Answer({"is_paused": False})
    assert not api.is_paused("deploy_gstg")
    api.is_paused("deploy_gstg")
    logins = [asked for asked in server.asked if asked.path == "/auth/token"]
    assert [asked.body for asked in logins] == [{"username": "takeoff", "password": "secret"}]
    assert server.last("GET").headers["authorization"] == "Bearer abc"


def test_a_note_replaces_the_old_one_and_is_cut_to_what_airflow_takes(server, api):
    server.answers[f"PATCH {RUN}"] = Answer({})
    api.note_run("deploy_gstg", RUN_ID, "x" * 5000)
    asked = server.last("PATCH")
    assert asked.query == {"update_mask": ["note"]}
    assert len(asked.body["note"]) == NOTE_LIMIT


def test_answering_first_is_told_from_answering_too_late(server, api):
    waiting = WaitingApproval("deploy_gstg", RUN_ID, "post_deploy.approve", -1, "Run?")
    path = f"PATCH {RUN}/taskInstances/post_deploy.approve/-1/hitlDetails"
    server.answers[path] = Answer({})
    assert api.answer_approval(waiting, "Reject", {"comment": "superseded"})
    assert server.last("PATCH").body == {"chosen_options": ["Reject"], "params_input": {"comment": "superseded"}}
    server.answers[path] = Answer({"detail": "already updated"}, 409)
    assert not api.answer_approval(waiting, "Reject", {})


def test_ringing_takes_the_asset_of_exactly_that_name(server, api):
    assets = [{"id": 1, "name": "takeoff.package.gstg2"}, {"id": 2, "name": "takeoff.package.gstg"}]
    server.answers |= {"GET /api/v2/assets": Answer({"assets": assets}), "POST /api/v2/assets/events": Answer({})}
    api.ring("takeoff.package.gstg", {"version": "17.4.1-ee.0"})
    assert server.last("POST").body == {"asset_id": 2, "extra": {"version": "17.4.1-ee.0"}}
    with pytest.raises(NotThere, match=r"no asset 'takeoff[.]package[.]gprd'"):
        api.ring("takeoff.package.gprd", {})


def test_clearing_is_no_dry_run_and_not_only_for_failed_tasks(server, api):
    server.answers["POST /api/v2/dags/deploy_gstg/clearTaskInstances"] = Answer({})
    api.clear_tasks("deploy_gstg", RUN_ID, ["main.web"])
    body = server.last("POST").body
    assert (body["dry_run"], body["only_failed"], body["include_downstream"]) == (False, False, False)
    assert (body["dag_run_id"], body["task_ids"]) == (RUN_ID, ["main.web"])


def test_a_refused_login_is_told_as_such(server, api):
    server.answers["POST /auth/token"] = Answer({"detail": "Invalid credentials"}, 401)
    with pytest.raises(ConfigError, match="check login and rights of the connection"):
        api.runs("deploy_gstg")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer({"token": "abc"}), id="something else's token"),
        pytest.param(Answer("<html>", kind="text/html"), id="a page"),
        pytest.param(Answer([]), id="a list"),
    ],
)
def test_an_address_that_is_not_airflows_is_told_as_such(server, api, answer):
    server.answers["POST /auth/token"] = answer
    with pytest.raises(SourceUntrusted, match=f"Airflow at {server.url}: "):
        api.runs("deploy_gstg")
