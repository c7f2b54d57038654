"""Messages to chat, against something that speaks Slack's API over HTTP."""

import json
from collections.abc import Iterator

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.operators.notify import notify
from tests.clients.scripted_server import Answer, ScriptedServer, scripted_server
from tests.core.conftest import SMALL


@pytest.fixture
def environment() -> Environment:
    text = SMALL + "notifications: {slack: {connection: chat, channel: '#deploys'}}\n"
    return parse_environment(text, "lab.yml").environment


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        connection = {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": f"{server.url}/api/"}}
        monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps(connection))
        yield server


def test_a_message_goes_to_the_channel_of_the_file(environment, slack):
    slack.answers["POST /api/chat.postMessage"] = Answer({"ok": True})
    notify(environment, "*lab* runs `17.1.0-ee.0`")
    sent = slack.last("POST")
    assert (sent.body["channel"], sent.body["text"]) == ("#deploys", "*lab* runs `17.1.0-ee.0`")
    assert sent.headers["authorization"] == "Bearer xoxb-1"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer({"ok": False, "error": "channel_not_found"}), id="Slack refuses"),
        pytest.param(Answer("<html>", 502, "text/html"), id="Slack is down"),
    ],
)
def test_a_refusal_is_logged_and_fails_nothing(environment, slack, caplog, answer):
    slack.answers["POST /api/chat.postMessage"] = answer
    notify(environment, "hello")
    assert "Slack was not told, the task goes on" in caplog.text


def test_a_missing_connection_is_logged_and_fails_nothing(environment, caplog, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_CHAT", raising=False)
    notify(environment, "hello")
    assert "Slack was not told, the task goes on" in caplog.text


def test_without_notifications_nobody_is_told(caplog):
    notify(parse_environment(SMALL, "lab.yml").environment, "hello")
    assert caplog.text == ""
