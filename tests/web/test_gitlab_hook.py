"""The webhook of GitLab's pipelines, over HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests
import uvicorn
from fastapi import FastAPI
from starlette.testclient import TestClient

from takeoff.core.package_settings import PipelineHook
from takeoff.core.webhook_signature import HookSecrets
from takeoff.web.gitlab_hook import BODY_LIMIT, EnvironmentHook, gitlab_hook
from tests.core.test_webhook_signature import KEY, NOW, signed

HOOK = PipelineHook(connection="hook", project="gitlab-org/omnibus-gitlab", refs=("master", "*-auto-deploy-*"))
Rung = list[tuple[str, Mapping[str, str | int]]]


def event(**changes: object) -> dict[str, object]:
    """Make a pipeline event, of which GitLab sends much more (docs.gitlab.com, "Webhook events")."""
    attributes = {
        "id": 31,
        "ref": "master",
        "tag": False,
        "status": "success",
        "source": "push",
        "url": "http://gitlab",
    }
    return {
        "object_kind": "pipeline",
        "object_attributes": attributes | changes,
        "project": {"id": 1, "path_with_namespace": "gitlab-org/omnibus-gitlab"},
        "builds": [],
    }


def application(rung: Rung, *, hooks: tuple[EnvironmentHook, ...] | None = None, pause_s: float = 0) -> FastAPI:
    known = hooks or (EnvironmentHook("gstg", HOOK, HookSecrets("s3cret")),)

    def ring(environment: str, extra: Mapping[str, str | int]) -> None:
        time.sleep(pause_s)
        rung.append((environment, extra))

    app = FastAPI()
    app.include_router(gitlab_hook(lambda: known, ring, now=lambda: NOW), prefix="/takeoff-hooks")
    return app


@pytest.fixture
def rung() -> Rung:
    return []


@pytest.fixture
def client(rung: Rung) -> TestClient:
    return TestClient(application(rung), headers={"X-Gitlab-Token": "s3cret"})


def test_a_pipeline_that_built_a_package_rings(client: TestClient, rung: Rung) -> None:
    answer = client.post("/takeoff-hooks/gitlab", json=event())
    assert (answer.status_code, answer.json()) == (202, {"rings": ["gstg"], "ignored": {}})
    told = {"project": "gitlab-org/omnibus-gitlab", "pipeline": 31, "ref": "master", "url": "http://gitlab"}
    assert rung == [("gstg", told)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ref": "main"}, "ref main matches none of master, *-auto-deploy-*"),
        ({"status": "running"}, "status running is none of success"),
        ({"status": "failed"}, "status failed is none of success"),
        ({"source": "merge_request_event"}, "source merge_request_event is none of"),
    ],
    ids=["ref", "running", "failed", "source"],
)
def test_another_pipeline_is_ignored_with_its_reason(
    client: TestClient, rung: Rung, changes: dict[str, object], reason: str
) -> None:
    answer = client.post("/takeoff-hooks/gitlab", json=event(**changes))
    assert answer.status_code == 200
    assert reason in answer.json()["ignored"]["gstg"]
    assert not rung


def test_another_project_is_ignored(client: TestClient, rung: Rung) -> None:
    body = event() | {"project": {"path_with_namespace": "stranger/omnibus-gitlab"}}
    answer = client.post("/takeoff-hooks/gitlab", json=body)
    assert "project stranger/omnibus-gitlab is not gitlab-org/omnibus-gitlab" in answer.text
    assert not rung


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"headers": {"X-Gitlab-Token": "wrong"}, "json": event()}, 401),
        ({"headers": {"X-Gitlab-Token": ""}, "json": event()}, 401),
        ({"content": json.dumps(event()), "headers": {"Content-Type": "text/plain"}}, 415),
        ({"content": b" " * (BODY_LIMIT + 1), "headers": {"Content-Type": "application/json"}}, 413),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 400),
        ({"json": {"object_kind": "push"}}, 400),
        ({"json": ["pipeline"]}, 400),
        ({"json": {"object_kind": "pipeline", "object_attributes": {"id": "x"}}}, 400),
        ({"json": event(ref="r" * 300)}, 400),
    ],
    ids=["wrong token", "no token", "type", "too long", "no JSON", "deep", "push", "list", "lacking", "endless ref"],
)
def test_what_is_no_event_of_ours_is_refused(
    client: TestClient, rung: Rung, options: dict[str, object], status: int
) -> None:
    answer = client.post("/takeoff-hooks/gitlab", **options)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert not rung


def test_a_body_without_a_length_is_cut_off_too(client: TestClient, rung: Rung) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b" " * (1 << 17)

    answer = client.post("/takeoff-hooks/gitlab", content=endless(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert not rung


def test_a_signed_event_rings_and_one_that_was_changed_does_not(rung: Rung) -> None:
    hooks = (EnvironmentHook("gstg", HOOK, HookSecrets(key=KEY)),)
    client = TestClient(application(rung, hooks=hooks), headers={"Content-Type": "application/json"})
    body = json.dumps(event()).encode()
    assert client.post("/takeoff-hooks/gitlab", content=body, headers=signed(body)).status_code == 202
    changed = body.replace(b"31", b"32")
    assert client.post("/takeoff-hooks/gitlab", content=changed, headers=signed(body)).status_code == 401
    assert len(rung) == 1


def test_each_environment_rings_for_its_own_secret_and_pipelines_only(rung: Rung) -> None:
    other = PipelineHook(connection="hook", project="gitlab-org/omnibus-gitlab", refs=("stable",))
    hooks = (
        EnvironmentHook("gstg", HOOK, HookSecrets("s3cret")),
        EnvironmentHook("gprd", HOOK, HookSecrets("another")),
        EnvironmentHook("pre", other, HookSecrets("s3cret")),
    )
    client = TestClient(application(rung, hooks=hooks), headers={"X-Gitlab-Token": "s3cret"})
    answer = client.post("/takeoff-hooks/gitlab", json=event()).json()
    assert answer["rings"] == ["gstg"]
    assert set(answer["ignored"]) == {"pre"}
    assert [name for name, _ in rung] == ["gstg"]


def test_without_any_webhook_configured_nobody_is_let_in(rung: Rung) -> None:
    app = FastAPI()
    app.include_router(gitlab_hook(tuple, lambda *_: None))
    assert TestClient(app).post("/gitlab", json=event(), headers={"X-Gitlab-Token": ""}).status_code == 401


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_the_answer_does_not_wait_for_the_bell(rung: Rung) -> None:
    with serving(application(rung, pause_s=1)) as url, requests.Session() as session:
        session.headers["X-Gitlab-Token"] = "s3cret"
        took = []
        for _ in range(5):
            begun = time.perf_counter()
            assert session.post(f"{url}/takeoff-hooks/gitlab", json=event(), timeout=5).status_code == 202
            took.append(time.perf_counter() - begun)
    assert sorted(took)[2] < 0.1
    assert len(rung) == 5


def test_the_time_of_day_is_asked_for_by_default() -> None:
    app = FastAPI()
    hooks = (EnvironmentHook("gstg", HOOK, HookSecrets(key=KEY)),)
    app.include_router(gitlab_hook(lambda: hooks, lambda *_: None))
    body = json.dumps(event()).encode()
    now = signed(body, at=datetime.now(UTC))
    client = TestClient(app, headers={"Content-Type": "application/json"})
    assert client.post("/gitlab", content=body, headers=now).status_code == 202
    old = signed(body, at=datetime.now(UTC) - timedelta(minutes=6))
    assert client.post("/gitlab", content=body, headers=old).status_code == 401
