"""Serves a folder over HTTP/1.1, as nginx would: ``python -m lab.standins.repository_server ADDRESS PORT FOLDER``."""

from __future__ import annotations

import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing: the log is for what went wrong."""

    def end_headers(self) -> None:
        """Tell proxies and clients that indexes change."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


def main() -> None:
    """Serve until the process is ended."""
    address, port, folder = sys.argv[1:4]
    ThreadingHTTPServer.request_queue_size = 128
    with ThreadingHTTPServer((address, int(port)), functools.partial(_Handler, directory=folder)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
