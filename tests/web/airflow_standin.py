"""Airflow's REST API over HTTP as far as chat uses it, with tokens that expire, and with its bad days."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.served import ANYWHERE, Replies, served

LOGIN = {"username": "chat", "password": "secret"}


@dataclass
class AirflowStandIn:
    """The server as a test holds it.

    Attributes:
        url: its address.
        started: ids of the runs that were started.
        logins: how many tokens it has given.
        calls: how many calls came with a token.
        valid_for: calls for which a token is good; for ever if ``None``.
        status: what every call is answered with, if not 200.
        page: what every call is answered with instead of JSON, if anything.
        silent: set: it accepts requests and answers none; its end lets them go.
    """

    url: str = ""
    started: list[str] = field(default_factory=list)
    logins: int = 0
    calls: int = 0
    valid_for: int | None = None
    status: int = 200
    page: str = ""
    silent: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    _left: int = 0

    def log_in(self, asked: Any) -> tuple[int, Any]:
        if asked != LOGIN:
            return 401, {"detail": "Invalid credentials"}
        self.logins += 1
        self._left = -1 if self.valid_for is None else self.valid_for
        return 201, {"access_token": f"token-{self.logins}"}

    def answer(self, method: str, path: str, token: str, asked: Any) -> tuple[int, Any]:
        self.calls += 1
        if token != f"Bearer token-{self.logins}" or self._left == 0:
            return 401, {"detail": "Invalid JWT token: Signature has expired"}
        self._left -= 1
        if self.status != 200:
            return self.status, {"detail": "no"}
        if "/dagRuns/" in path and method == "GET":
            run_id = path.rpartition("/")[2]
            return (200, _run(run_id)) if run_id in self.started else (404, {"detail": "not found"})
        if path.endswith("/dagRuns"):
            if asked["dag_run_id"] in self.started:
                return 409, {"detail": "exists"}
            self.started.append(asked["dag_run_id"])
            return 200, _run(asked["dag_run_id"])
        return 404, {"detail": "not found"}


def _run(run_id: str) -> dict[str, Any]:
    return {"dag_id": "deploy_lab", "dag_run_id": run_id, "state": "queued", "note": ""}


@contextmanager
def airflow_standin() -> Iterator[AirflowStandIn]:
    """Serve until the block ends."""
    airflow = AirflowStandIn()

    class Handler(Replies, BaseHTTPRequestHandler):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = json.loads(sent) if sent else None
            if airflow.silent:
                airflow.over.wait(30)
                return
            if self.path == "/auth/token":
                status, body = airflow.log_in(asked)
            else:
                status, body = airflow.answer(self.command, self.path, self.headers.get("Authorization", ""), asked)
            data = (airflow.page or json.dumps(body)).encode()
            self.reply(status, data, Content_Type="text/html" if airflow.page else "application/json")

        do_GET = do_POST = answer  # noqa: N815 - the base class calls them so

    with served(ThreadingHTTPServer(ANYWHERE, Handler)) as airflow.url:
        try:
            yield airflow
        finally:
            airflow.over.set()
