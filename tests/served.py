"""An HTTP server of a test: on a free port of loopback, in a thread, for as long as a block lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ANYWHERE = ("127.0.0.1", 0)
"""Where such a server listens: the port is the machine's choice."""


class Replies(BaseHTTPRequestHandler):
    """Answers in one call, and says nothing of it."""

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer at once with these headers (``_`` stands for ``-``)."""
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[str]:
    """Serve until the block ends; yields the address."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
