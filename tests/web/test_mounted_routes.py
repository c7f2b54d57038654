"""Every route that the plugin mounts, asked by somebody who proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.routing import Mount
from starlette.testclient import TestClient

from takeoff_plugin import TakeoffPlugin

CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded")


def mounted() -> list[tuple[str, FastAPI]]:
    return [(one["url_prefix"], one["app"]) for one in TakeoffPlugin().fastapi_apps]


def routes(app: Any) -> Iterator[tuple[str, str]]:
    """Method and path of every route, also of what is mounted inside."""
    for route in app.routes:
        if isinstance(route, Mount):
            yield from ((method, f"{route.path}{path}") for method, path in routes(route.app))
            continue
        path = route.path
        for name in getattr(route, "param_convertors", {}):
            path = path.replace(f"{{{name}}}", "x").replace(f"{{{name}:path}}", "x")
        yield from ((method, path) for method in route.methods)


FOUND = [(prefix, app, method, path) for prefix, app in mounted() for method, path in routes(app)]


def test_there_are_routes_to_ask() -> None:
    asked = {f"{prefix}{path}" for prefix, _, _, path in FOUND}
    hooks = {f"/takeoff-hooks/{name}" for name in ("gitlab", "slack", "slack/actions", "mattermost")}
    assert hooks | {"/takeoff/", "/takeoff/page/x", "/takeoff/metrics"} <= asked


@pytest.mark.parametrize(
    ("app", "method", "path"),
    [(app, method, path) for _, app, method, path in FOUND],
    ids=[f"{method} {prefix}{path}" for prefix, _, method, path in FOUND],
)
def test_an_anonymous_caller_gets_401(app: FastAPI, method: str, path: str) -> None:
    client = TestClient(app, raise_server_exceptions=True)
    statuses = {client.request(method, path, headers={"Content-Type": kind}).status_code for kind in CONTENT_TYPES}
    # A route that takes one content type says 415 to the other before it looks who asks.
    assert statuses <= {401, 415}
    assert 401 in statuses
