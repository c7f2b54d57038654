"""A real HTTP server on loopback that answers as a test scripts it, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.served import ANYWHERE, Replies, served


@dataclass(frozen=True)
class Answer:
    """What is sent back; ``body`` as JSON unless it is text."""

    body: Any = None
    status: int = 200
    kind: str = "application/json"


@dataclass(frozen=True)
class Asked:
    """What a client sent."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: Any


@dataclass
class ScriptedServer:
    """The server as a test holds it.

    Attributes:
        url: its address.
        answers: ``METHOD /path`` → the answer; for anything else it is a 404 in JSON.
        asked: all requests so far.
    """

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def last(self, method: str) -> Asked:
        return next(one for one in reversed(self.asked) if one.method == method)


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Serve until the block ends."""
    script = ScriptedServer()

    class Handler(Replies, BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(sent) if sent else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append(Asked(self.command, parts.path, parse_qs(parts.query), headers, body))
            found = script.answers.get(f"{self.command} {parts.path}", Answer({"message": "404 Not found"}, 404))
            text = found.body if isinstance(found.body, str) else json.dumps(found.body)
            data = b"" if found.body is None else text.encode()
            self.reply(found.status, data, Content_Type=found.kind)

        do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - the base class calls them so

    with served(ThreadingHTTPServer(ANYWHERE, Handler)) as script.url:
        yield script
