"""Serves a lab's package repository over HTTP, as nginx would, and breaks it on purpose.

``python -m lab.standins.repository_server ADDRESS PORT STATE``. Faults are read from ``STATE/faults/repository``.
"""

from __future__ import annotations

import functools
import sys
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from lab.state import LabState, read_fault

SLOW_BYTES_PER_SECOND = 20_000


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: Any, state: LabState, **options: Any) -> None:
        self._state = state
        super().__init__(*arguments, directory=str(state.folder / "repository"), **options)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing: the log is for what went wrong."""

    def end_headers(self) -> None:
        """Tell proxies and clients that indexes change."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def send_head(self) -> Any:
        """Open what is asked for, or its broken form; bytes of a broken one are as many as of the right one."""
        fault, package = read_fault(self._state, "repository"), self.path.endswith(".deb")
        if fault == "404" and package:
            self.send_error(404, "Not Found")
            return None
        stream = super().send_head()
        if stream is not None and fault == "corrupt" and package:
            return _altered(stream, b"2.0\n", b"2.1\n")
        if stream is not None and fault == "unsigned" and self.path.endswith("/InRelease"):
            return _altered(stream, b"Takeoff lab", b"Mallory lab")
        return stream

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send the body, slowly if the repository is to be slow."""
        if read_fault(self._state, "repository") != "slow" or not self.path.endswith(".deb"):
            super().copyfile(source, outputfile)
            return
        while data := source.read(SLOW_BYTES_PER_SECOND // 10):
            outputfile.write(data)
            time.sleep(0.1)


def _altered(stream: BinaryIO, before: bytes, after: bytes) -> BytesIO:
    with stream:
        return BytesIO(stream.read().replace(before, after, 1))


def main() -> None:
    """Serve until the process is ended."""
    address, port, folder = sys.argv[1:4]
    ThreadingHTTPServer.request_queue_size = 128
    handler = functools.partial(_Handler, state=LabState(Path(folder)))
    with ThreadingHTTPServer((address, int(port)), handler) as server:
        server.daemon_threads = True
        server.serve_forever()


if __name__ == "__main__":
    main()
