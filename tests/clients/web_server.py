"""A real web server on loopback that serves a folder, and answers wrongly where a test scripts it."""

from __future__ import annotations

import contextlib
import functools
import http.server
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.served import ANYWHERE, Replies, served


@dataclass
class Request:
    """What a client sent, and the bytes that it was sent back, headers included."""

    path: str
    headers: dict[str, str]
    sent: int = 0


class Handler(Replies, http.server.SimpleHTTPRequestHandler):
    """Serves files, with validators, unless a fault is scripted for the path."""

    protocol_version = "HTTP/1.1"
    server: WebServer

    def do_GET(self) -> None:
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()})
        self.server.requests.append(request)
        plain, self.wfile = self.wfile, Counting(self.wfile, request)
        try:
            for ending, answer in self.server.answers.items():
                if self.path.endswith(ending):
                    answer(self)
                    return
            super().do_GET()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.wfile = plain


class Counting:
    """Counts what goes out."""

    def __init__(self, file: Any, request: Request) -> None:
        self._file, self._request = file, request

    def write(self, data: bytes) -> int:
        self._request.sent += len(data)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@dataclass
class Script:
    """The server, as a test sees it."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: dict[str, Callable[[Handler], None]] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


class WebServer(http.server.ThreadingHTTPServer):
    """One thread for each connection; connections and threads end with it."""

    daemon_threads = False
    block_on_close = True
    requests: list[Request]
    answers: dict[str, Callable[[Handler], None]]
    connections: list[Any]

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """End the connections that clients keep open too."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


@contextmanager
def serving(folder: Path) -> Iterator[Script]:
    """Serve a folder until the end of the block."""
    server = WebServer(ANYWHERE, functools.partial(Handler, directory=str(folder)))
    script = Script()
    server.requests, server.answers, server.connections = script.requests, script.answers, []
    with served(server) as script.url:
        yield script
