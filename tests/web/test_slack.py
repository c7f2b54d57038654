"""Slack's door over HTTP: who is let in, and what becomes of a command."""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from takeoff.clients.airflow_api import Run, WaitingApproval
from takeoff.core.chat_grammar import parse_chat
from takeoff.core.chat_reply import Reply
from takeoff.core.chat_rights import Asker
from takeoff.core.environment_status import EnvironmentStatus
from takeoff.core.known_packages import KnownPackages
from takeoff.core.people_settings import Right
from takeoff.core.slack_blocks import CANCEL
from takeoff.web.chat_conversation import Conversation
from takeoff.web.chat_doors import BODY_LIMIT
from takeoff.web.chat_request import ChatRequest
from takeoff.web.seen_signatures import SeenSignatures
from takeoff.web.slack import SlackApp, SlackDoor, slack_router
from tests.airflow.chat_servers import ChatServer, button, said
from tests.core.test_chat_grammar import WORDS
from tests.web.chat_scene import NOW, SECRET, ChatScene, make_environment
from tests.web.conftest import ALL

EXAMPLE = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
"""Body of the example in "Verifying requests from Slack" (docs.slack.dev)."""

EXAMPLE_AT = 1531420618
EXAMPLE_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def signed(body: str | bytes, at: float = NOW.timestamp(), secret: str = SECRET) -> dict[str, str]:
    data = body.encode() if isinstance(body, str) else body
    stamp = str(int(at))
    digest = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + data, hashlib.sha256).hexdigest()
    return FORM | {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


def typed(
    client: TestClient, server: ChatServer, text: str, user: str = "U1", at: float = NOW.timestamp(), **more: str
) -> httpx.Response:
    fields = {"user_id": user, "user_name": "jane", "text": text, "response_url": f"{server.url}/commands/1"} | more
    body = urlencode(fields)
    return client.post("/slack", content=body, headers=signed(body, at))


def pressed(client: TestClient, server: ChatServer, value: str, action: str, at: float) -> httpx.Response:
    payload = {
        "user": {"id": "U1", "username": "jane"},
        "actions": [{"action_id": action, "value": value}],
        "response_url": f"{server.url}/actions/1",
        "container": {"is_ephemeral": True},
    }
    body = urlencode({"payload": json.dumps(payload)})
    return client.post("/slack/actions", content=body, headers=signed(body, at))


def test_the_example_of_slacks_documentation_passes() -> None:
    scene = ChatScene(make_environment(), ALL)
    scene.clock.seconds = EXAMPLE_AT
    headers = FORM | {"X-Slack-Request-Timestamp": str(EXAMPLE_AT), "X-Slack-Signature": EXAMPLE_SIGNATURE}
    answer = TestClient(scene.app).post("/slack", content=EXAMPLE, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["text"] == "What can be typed:"


BODY = urlencode({"user_id": "U1", "text": "resume lab", "response_url": "https://hooks.slack.com/1"})


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (BODY, FORM, 401),
        (BODY, signed(BODY, secret="guessed"), 401),
        (BODY + "&x=1", signed(BODY), 401),
        (BODY, signed(BODY, NOW.timestamp() - 301), 401),
        (BODY, signed(BODY, NOW.timestamp() + 301), 401),
        (BODY, signed(BODY) | {"X-Slack-Request-Timestamp": "soon"}, 401),
        (BODY, signed(BODY) | {"X-Slack-Request-Timestamp": "9" * 400}, 401),
        (BODY, signed(BODY) | {"X-Slack-Signature": "v0=é".encode("latin-1").decode("latin-1")}, 401),
        (b"\xff\xfe", signed(b"\xff\xfe"), 401),
        ("x" * (BODY_LIMIT + 1), signed("x" * (BODY_LIMIT + 1)), 413),
        (BODY, signed(BODY) | {"Content-Type": "application/json"}, 415),
        ("text=resume", signed("text=resume"), 400),
        ("&".join(f"a{n}=1" for n in range(200)), signed("&".join(f"a{n}=1" for n in range(200))), 400),
    ],
    ids=[
        *("unsigned", "wrong secret", "changed", "old", "of the future", "no stamp", "endless stamp", "odd signature"),
        *("no text", "too long", "type", "no command", "too many fields"),
    ],
)
@pytest.mark.parametrize("route", ["/slack", "/slack/actions"])
def test_what_is_not_slacks_is_refused_without_effect(
    scene: ChatScene, client: TestClient, route: str, body: str | bytes, headers: dict[str, str], status: int
) -> None:
    answer = client.post(route, content=body, headers={k: v.encode("latin-1") for k, v in headers.items()})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert not scene.airflow.started


def test_a_replay_is_refused(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    assert typed(client, server, "resume lab").status_code == 200
    assert typed(client, server, "resume lab").status_code == 401
    server.answer()
    assert len(scene.airflow.started) == 1


def test_signatures_are_forgotten_once_they_are_too_old_to_be_valid() -> None:
    seen = SeenSignatures(10)
    asked = [("a", 0), ("a", 9), ("b", 11), ("a", 12)]
    assert [seen.is_new(*one) for one in asked] == [
        True,
        False,
        True,
        True,
    ]


def test_an_address_for_answers_elsewhere_is_refused(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    answer = typed(client, server, "resume lab", response_url="http://169.254.169.254/latest")
    assert answer.status_code == 400
    assert not scene.airflow.started


def test_without_a_secret_nobody_is_let_in(server: ChatServer) -> None:
    scene = ChatScene(make_environment(), ALL)
    app = FastAPI()
    door = SlackDoor(lambda: SlackApp(""), scene.clock)  # type: ignore[arg-type]
    app.include_router(slack_router(door, scene.conversation, lambda *_: frozenset(), scene.behind))
    assert TestClient(app).post("/slack", content=BODY, headers=signed(BODY, secret="")).status_code == 401


def test_a_command_starts_a_run_in_the_askers_name(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    at_once = typed(client, server, 'deploy 17.1 lab --skip qa="flaky; $(reboot)"')
    assert at_once.json()["response_type"] == "ephemeral"
    answer = server.answer()
    assert answer["response_type"] == "in_channel"
    ((dag, conf, note),) = scene.airflow.started.values()
    assert dag == "deploy_lab"
    assert conf == {
        "version": "17.1",
        "skip": {"qa": "flaky; $(reboot)"},
        "reason": "",
        "requested_by": "slack:jane (U1)",
    }
    assert note.startswith("slack:jane (U1): deploy lab 17.1")


def test_a_warmup_is_a_run_of_the_control_dag(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    typed(client, server, "deploy lab 17.1.0-ee.0 --warmup")
    assert "warmup done" in said(server.answer())
    ((dag, conf, _),) = scene.airflow.started.values()
    assert (dag, conf["action"], conf["version"]) == ("control_lab", "warmup", "17.1.0-ee.0")


def test_the_same_command_within_a_minute_starts_one_run(
    scene: ChatScene, client: TestClient, server: ChatServer
) -> None:
    for later in (0, 2, 40):  # The last one falls into the next minute by the clock.
        scene.clock.seconds = NOW.timestamp() + later
        typed(client, server, "deploy lab 17.1", at=scene.clock.seconds)
    told = [said(server.answer()) for _ in range(3)]
    assert len(scene.airflow.started) == 1
    assert sum("came a moment ago already" in one for one in told) == 2


def test_a_stranger_is_refused_and_told_who_may(
    scene: ChatScene, client: TestClient, server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    typed(client, server, "deploy lab 17.1", user="U9")
    assert "that needs the right `deploy` for lab" in said(server.answer())
    assert not scene.airflow.started
    assert "Refused to slack:jane (U9)" in caplog.text


def test_a_member_of_a_group_has_its_rights(server: ChatServer) -> None:
    scene = ChatScene(make_environment(), {Right.PAUSE: ("slack-group:S1",)}, server.url)
    scene.groups["S1"] = frozenset({"U5"})
    client = TestClient(scene.app)
    typed(client, server, "resume lab", user="U5")
    assert "resume done" in said(server.answer())
    typed(client, server, "resume lab", user="U6")
    assert said(server.answer()).startswith("*Sorry")


def test_what_cannot_be_undone_waits_for_the_button(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    typed(client, server, "lease lab release it is stuck")
    question = server.answer()
    assert "cannot be undone" in said(question)
    assert not scene.airflow.started
    pressed(client, server, button(question), CANCEL, NOW.timestamp())
    assert server.answer()["text"] == "Left as it is."
    assert not scene.airflow.started
    scene.clock.seconds += 1
    pressed(client, server, button(question), "takeoff_confirm", scene.clock.seconds)
    answer = server.answer()
    assert answer["replace_original"] is True
    ((_, conf, _),) = scene.airflow.started.values()
    assert conf["action"] == "release_lease"


def test_a_yes_to_another_state_is_none(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    typed(client, server, "lease lab release stuck")
    yes = button(server.answer())
    status = EnvironmentStatus(environment="lab", package="gitlab-ee", looked_at=NOW, deployed="17.0.0-ee.0")
    operation = {
        "id": "lab-7",
        "kind": "deploy",
        "version": "17.1.0-ee.0",
        "requested_by": "maria",
        "reason": "",
        "opened_at": NOW,
        "driver": "vm:1",
    }
    changed = EnvironmentStatus.model_validate(status.model_dump() | {"operation": operation})
    scene.airflow.variables["takeoff.state.lab"] = changed.model_dump_json()
    pressed(client, server, yes, "takeoff_confirm", NOW.timestamp())
    assert "lab-7 (deploy of `17.1.0-ee.0`) is given up" in said(server.answer())
    assert not scene.airflow.started


def test_the_age_of_what_is_told_is_told(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    status = EnvironmentStatus(
        environment="lab", package="gitlab-ee", looked_at=NOW - timedelta(hours=3), deployed="17.0.0-ee.0"
    )
    scene.airflow.variables["takeoff.state.lab"] = status.model_dump_json()
    typed(client, server, "status lab")
    told = said(server.answer())
    assert "as of 3h ago" in told
    assert "that is old" in told


def test_an_airflow_that_is_down_is_told_and_never_looks_like_success(
    scene: ChatScene, client: TestClient, server: ChatServer
) -> None:
    scene.airflow.is_down = True
    typed(client, server, "deploy lab 17.1")
    told = said(server.answer())
    assert "got no answer" in told
    assert "Whether anything was started is unknown" in told


def test_what_people_wrote_mentions_nobody(scene: ChatScene, client: TestClient, server: ChatServer) -> None:
    typed(client, server, "deploy lab 17.1 <!channel>")
    answer = typed(client, server, "<!channel>").json()
    assert "<!channel>" not in json.dumps(answer)
    assert "&lt;!channel&gt;" in json.dumps(answer)


FUZZED = ChatScene(make_environment("gstg"), ALL)
PROGRAMS: list[str] = []
"""Names of the audit events of programs that were begun (docs.python.org, "Audit events table")."""
sys.addaudithook(lambda event, _: PROGRAMS.append(event) if event in ("subprocess.Popen", "os.system") else None)


@settings(
    max_examples=10_000,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(text=st.lists(WORDS, max_size=8).map(" ".join))
def test_no_text_raises_and_only_a_valid_one_starts_a_run(text: str) -> None:
    FUZZED.airflow.started.clear()
    PROGRAMS.clear()
    told: list[Any] = []
    FUZZED.conversation.answer(ChatRequest(Asker(frozenset({"slack:U1"}), "slack:jane (U1)"), text, NOW), told.append)
    assert told
    assert not PROGRAMS
    assert "fault of Takeoff itself" not in told[-1].title
    if FUZZED.airflow.started:
        command = parse_chat(text, ("gstg",))
        ((_, conf, _),) = FUZZED.airflow.started.values()
        assert conf.get("version", "") == command.version
        assert conf["reason"] == command.reason


def test_an_answer_waits_until_airflow_surely_hears_it(server: ChatServer) -> None:
    scene = ChatScene(make_environment(), ALL, server.url)
    slept: list[float] = []
    conversation = Conversation(
        lambda: {"lab": scene.environment},
        lambda: scene.airflow,  # type: ignore[arg-type, return-value]
        now=lambda: NOW,
        sleep=slept.append,
    )
    asker = Asker(frozenset({"slack:U1"}), "slack:jane (U1)")
    told: list[Reply] = []
    for age in (3, 60):
        asked_at = NOW - timedelta(seconds=age)
        question = WaitingApproval("deploy_lab", "1", "post_deploy.approve", -1, f"Run {age}?", "", asked_at)
        scene.airflow.waiting = [question]
        conversation.answer(ChatRequest(asker, "post-deploy lab", NOW), told.append)
        assert told[-1].question is not None
        conversation.answer(ChatRequest(asker, told[-1].question.command, NOW), told.append)
    assert slept == [5.0]
    assert told[1].title.startswith("Approved by slack:jane")


def test_a_short_version_is_completed_to_what_the_sources_held_or_refused(
    scene: ChatScene, client: TestClient, server: ChatServer
) -> None:
    known = KnownPackages(environment="lab", looked_at=NOW, versions=("17.1.0-ee.0", "17.1.1-ee.0"))
    scene.airflow.variables["takeoff.packages.lab"] = known.model_dump_json()
    typed(client, server, "deploy lab 17.1.1")
    assert "`deploy lab 17.1.1-ee.0` has begun" in said(server.answer())
    typed(client, server, "deploy lab 17.1.7")
    assert "the nearest versions there are 17.1.1-ee.0" in said(server.answer())
    ((_, conf, _),) = scene.airflow.started.values()
    assert conf["version"] == "17.1.1-ee.0"


def test_an_unknown_short_version_is_looked_for_anew_before_it_is_refused(
    scene: ChatScene, client: TestClient, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KnownPackages(environment="lab", looked_at=NOW - timedelta(hours=1), versions=("17.1.0-ee.0",))
    scene.airflow.variables["takeoff.packages.lab"] = known.model_dump_json()
    start = scene.airflow.start_run

    def look(dag_id: str, conf: Mapping[str, Any], note: str = "", run_id: str = "") -> Run:
        if conf.get("action") == "packages":
            fresh = known.model_copy(update={"versions": ("17.1.0-ee.0", "17.2.0-ee.0"), "looked_at": NOW})
            scene.airflow.variables["takeoff.packages.lab"] = fresh.model_dump_json()
        return start(dag_id, conf, note, run_id)

    monkeypatch.setattr(scene.airflow, "start_run", look)
    typed(client, server, "deploy lab 17.2.0")
    assert "`deploy lab 17.2.0-ee.0` has begun" in said(server.answer())
    typed(client, server, "deploy lab 17.3.0")
    assert "the sources were asked 0s ago" in said(server.answer())
