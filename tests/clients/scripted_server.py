"""A real HTTP server on loopback that answers as a test scripts it, and keeps what it was asked."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit


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

    url: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def last(self, method: str) -> Asked:
        return next(one for one in reversed(self.asked) if one.method == method)


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    """Serve until the block ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            parts = urlsplit(self.path)
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(sent) if sent else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            script.asked.append(Asked(self.command, parts.path, parse_qs(parts.query), headers, body))
            found = script.answers.get(f"{self.command} {parts.path}", Answer({"message": "404 Not found"}, 404))
            text = found.body if isinstance(found.body, str) else json.dumps(found.body)
            data = b"" if found.body is None else text.encode()
            self.send_response(found.status)
            self.send_header("Content-Type", found.kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - the base class calls them so

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    script = ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}")
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
