"""Mattermost's door over HTTP: who is let in, and what becomes of a command."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from takeoff.core.chat_reply import Reply
from takeoff.core.people_settings import Right
from takeoff.web.chat_doors import BODY_LIMIT
from takeoff.web.mattermost import MattermostCommand, mattermost_message, mattermost_router
from tests.airflow.chat_servers import ChatServer
from tests.web.chat_scene import ChatScene, make_environment

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
KNOWN = FORM | {"Authorization": "Token t0ken"}


def typed(client: TestClient, server: ChatServer, text: str, user: str = "jane") -> dict[str, str]:
    fields = {"token": "t0ken", "user_name": user, "text": text, "response_url": f"{server.url}/hooks/commands/1"}
    answer = client.post("/mattermost", data=fields, headers=KNOWN)
    assert answer.status_code == 200
    return dict(answer.json())


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ("token=t0ken&user_name=jane&text=resume", FORM, 401),
        ("token=t0ken&user_name=jane&text=resume", FORM | {"Authorization": "Token guessed"}, 401),
        ("token=guessed&user_name=jane&text=resume", KNOWN, 401),
        ("user_name=jane&text=resume", KNOWN, 401),
        ("token=t0ken&user_name=jane&text=resume", KNOWN, 400),
        ("token=t0ken&user_name=jane&response_url=http://10.0.0.1/", KNOWN, 400),
        ("x" * (BODY_LIMIT + 1), KNOWN, 413),
        ("{}", KNOWN | {"Content-Type": "application/json"}, 415),
    ],
    ids=["no header", "wrong header", "wrong token", "no token", "no address", "address elsewhere", "too long", "type"],
)
def test_what_is_not_mattermosts_is_refused_without_effect(
    scene: ChatScene, client: TestClient, body: str, headers: dict[str, str], status: int
) -> None:
    assert client.post("/mattermost", content=body, headers=headers).status_code == status
    assert not scene.airflow.started


def test_without_a_token_configured_nobody_is_let_in(scene: ChatScene) -> None:
    app = FastAPI()
    command = MattermostCommand((), "")
    app.include_router(mattermost_router(lambda: command, scene.conversation, scene.behind))
    answer = TestClient(app).post("/mattermost", content="token=", headers=FORM | {"Authorization": "Token "})
    assert answer.status_code == 401


def test_a_command_starts_a_run_in_the_askers_name(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    typed(client, server, "pause lab incident 42 for 2h")
    assert "pause done" in server.answer()["text"]
    ((dag, conf, _),) = scene.airflow.started.values()
    assert dag == "control_lab"
    assert conf == {
        "action": "pause",
        "reason": "incident 42",
        "for": "2h",
        "requested_by": "mattermost:jane",
    }


def test_a_pause_that_stops_what_runs_is_started_with_what_it_stops_after(
    scene: ChatScene, client: TestClient, server: ChatServer
) -> None:
    typed(client, server, "pause lab incident 42 --stop-after host")
    assert "pause done" in server.answer()["text"]
    ((dag, conf, _),) = scene.airflow.started.values()
    assert (dag, conf["action"], conf["stop_after"]) == ("control_lab", "pause", "host")


def test_what_cannot_be_undone_is_confirmed_by_typing(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    typed(client, server, "rollback lab 17.0 broken --force skew=known")
    question = server.answer()["text"]
    assert "the refusal `skew` is passed: known" in question
    assert not scene.airflow.started
    typed(client, server, question.rsplit("type: `", 1)[1].split("`", 1)[0])
    assert "has begun" in server.answer()["text"]
    ((dag, conf, _),) = scene.airflow.started.values()
    assert (dag, conf["force"]) == ("rollback_lab", {"skew": "known"})


def test_somebody_elses_yes_is_none(server: ChatServer) -> None:
    scene = ChatScene(make_environment(), dict.fromkeys(Right, ("mattermost:jane", "mattermost:kim")), server.url)
    client = TestClient(scene.app)
    typed(client, server, "lease lab release stuck")
    command = server.answer()["text"].rsplit("type: `", 1)[1].split("`", 1)[0]
    typed(client, server, command, "kim")
    assert "cannot be undone" in server.answer()["text"]
    assert not scene.airflow.started


def test_what_people_wrote_mentions_nobody() -> None:
    assert "@channel" not in mattermost_message(Reply("@channel", ("[x](http://elsewhere)",)))["text"]
