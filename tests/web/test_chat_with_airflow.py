"""What chat says on Airflow's bad days: an expired token, silence, errors, somebody else's page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from takeoff.clients import json_requests
from takeoff.clients.airflow_api import AirflowApi
from takeoff.core.chat_reply import Reply
from takeoff.core.chat_rights import Asker
from takeoff.web.chat_conversation import Conversation
from takeoff.web.chat_request import ChatRequest
from tests.web.airflow_standin import LOGIN, AirflowStandIn, airflow_standin
from tests.web.chat_scene import NOW, make_environment

ASKER = Asker(frozenset({"slack:U1"}), "slack:jane (U1)", trusted=True)


@pytest.fixture
def airflow() -> Iterator[AirflowStandIn]:
    with airflow_standin() as server:
        yield server


def ask(airflow: AirflowStandIn, text: str, password: str = LOGIN["password"]) -> list[Reply]:
    environment = make_environment()
    told: list[Reply] = []
    with requests.Session() as session:
        api = AirflowApi(airflow.url, LOGIN["username"], password, session)
        conversation = Conversation(lambda: {environment.name: environment}, lambda: api, now=lambda: NOW)
        conversation.answer(ChatRequest(ASKER, text, NOW), told.append)
    return told


@pytest.mark.parametrize("calls", [1, 2, 3])
def test_a_token_that_expires_during_a_command_is_renewed_and_the_run_is_started_once(
    airflow: AirflowStandIn, calls: int
) -> None:
    airflow.valid_for = calls
    (told,) = ask(airflow, "deploy lab 17.1.0-ee.0")
    assert told.title == "`deploy lab 17.1.0-ee.0` has begun."
    assert len(airflow.started) == 1
    assert airflow.logins > 1


def test_a_token_that_is_refused_at_once_is_renewed_no_more_than_once(airflow: AirflowStandIn) -> None:
    airflow.valid_for = 0
    (told,) = ask(airflow, "deploy lab 17.1.0-ee.0")
    assert "401" in told.title
    assert not told.good
    assert airflow.logins <= 2
    assert not airflow.started


def test_a_refused_login_names_the_connections_rights(airflow: AirflowStandIn) -> None:
    (told,) = ask(airflow, "deploy lab 17.1.0-ee.0", password="old")
    assert "check login and rights of the connection" in told.title
    assert not airflow.calls


@pytest.mark.parametrize("text", ["deploy lab 17.1.0-ee.0", "status lab", "why lab", "post-deploy lab", "retry lab"])
def test_an_airflow_that_accepts_and_says_nothing_is_told_within_one_patience(
    airflow: AirflowStandIn, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(json_requests, "TIMEOUT_S", (0.3, 0.3))
    airflow.silent = True
    (told,) = ask(airflow, text)
    assert "got no answer" in told.title
    assert "Whether anything was started is unknown" in told.lines[0]


@pytest.mark.parametrize(
    ("status", "said"), [(500, "500"), (503, "503"), (429, "429"), (403, "check login and rights")]
)
def test_an_error_of_airflows_is_told_with_its_status(airflow: AirflowStandIn, status: int, said: str) -> None:
    airflow.status = status
    (told,) = ask(airflow, "deploy lab 17.1.0-ee.0")
    assert said in told.title
    assert not told.good
    assert not airflow.started


def test_somebody_elses_page_is_told_as_such(airflow: AirflowStandIn) -> None:
    airflow.page = "<html>Log in to the proxy</html>"
    (told,) = ask(airflow, "deploy lab 17.1.0-ee.0")
    assert "is it a login page?" in told.title
