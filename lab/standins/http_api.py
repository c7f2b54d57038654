"""A JSON API over HTTP/1.1 in a few lines: routes by method and path pattern, threads, keep-alive."""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass
class Request:
    """One request.

    Attributes:
        path: as sent, still quoted: a project's path has its slash as ``%2F``.
        query: name and value pairs in order; names may repeat.
        match: named groups of the route's pattern, unquoted.
        base: scheme, host and port that the client used.
    """

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    base: str
    match: dict[str, str] = field(default_factory=dict)

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def json(self) -> Any:
        """The body, decoded; a form's fields as a mapping.

        Raises:
            ApiError: 400, it cannot be read.
        """
        if "application/x-www-form-urlencoded" in self.headers.get("Content-Type", ""):
            return dict(parse_qsl(self.body.decode()))
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            raise ApiError(400, {"error": "invalid JSON"}) from None


@dataclass
class Response:
    """One answer; ``content`` is sent as JSON unless it is text or bytes."""

    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """Ends a handler with this answer."""

    def __init__(self, status: int, content: Any) -> None:
        self.response = Response(status, content)
        super().__init__(status)


Handler = Callable[[Request], Response]


class Api:
    r"""Routes: ``api.add("GET", "/things/(?P<id>\\\\d+)", handler)``."""

    def __init__(self, missing: Any = "404 page not found\n") -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._missing = missing

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """Add a route; the whole path must match the pattern."""
        self._routes.append((method, re.compile(pattern), handler))

    def answer(self, request: Request) -> Response:
        """Find the route and run its handler."""
        allowed = False
        for method, pattern, handler in self._routes:
            if match := pattern.fullmatch(request.path):
                if method == request.method:
                    request.match = {
                        key: unquote(value) for key, value in match.groupdict().items() if value is not None
                    }
                    try:
                        return handler(request)
                    except ApiError as error:
                        return error.response
                allowed = True
        return Response(405 if allowed else 404, self._missing)

    def serve(self, address: str, port: int) -> None:
        """Serve until the process is ended."""
        api = self

        class Server(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
                """Say nothing: the log is for what went wrong."""

            def _handle(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(
                    method=self.command,
                    path=parts.path,
                    query=parse_qsl(parts.query, keep_blank_values=True),
                    headers=dict(self.headers.items()),
                    body=body,
                    base=f"http://{self.headers.get('Host', f'{address}:{port}')}",
                )
                try:
                    response = api.answer(request)
                except Exception:  # one bad request must not end the server; the log tells which
                    traceback.print_exc()
                    print(f"while answering {request.method} {self.path}", file=sys.stderr, flush=True)
                    response = Response(500, {"message": "500 Internal Server Error"})
                self._send(response)

            def _send(self, response: Response) -> None:
                content, kind = response.content, "application/json"
                if isinstance(content, bytes | str):
                    data, kind = content.encode() if isinstance(content, str) else content, "text/plain; charset=utf-8"
                else:
                    data = b"" if content is None else json.dumps(content).encode()
                self.send_response(response.status)
                for name, value in {"Content-Type": kind, **response.headers}.items():
                    self.send_header(name, value)
                if response.status != 204:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if self.command != "HEAD" and response.status != 204:
                    self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _handle  # noqa: N815 - http.server's names

        ThreadingHTTPServer.request_queue_size = 128
        with ThreadingHTTPServer((address, port), Server) as server:
            server.daemon_threads = True
            server.serve_forever()
