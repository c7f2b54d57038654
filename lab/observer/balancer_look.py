"""Looks at one balancer: every server's status, from HAProxy's own socket, reached past SSH."""

from __future__ import annotations

import csv
import io
import os
import socket

from lab.observer.places import Places
from lab.observer.sights import ServerSight

SOCKET_FOLDER = "run/haproxy"
SOCKET = "admin.sock"
TIMEOUT_SECONDS = 0.4


class BalancerLooker:
    """Looks at one balancer again and again."""

    def __init__(self, name: str, places: Places) -> None:
        self._name, self._places = name, places

    def look(self) -> dict[str, ServerSight] | None:
        """Server → sight; None when the balancer does not answer."""
        root = self._places.root(self._name)
        try:
            text = _ask(f"{root}/{SOCKET_FOLDER}", "show stat -1 4 -1") if root else ""
        except OSError:
            return None
        return parse(text)


def parse(text: str) -> dict[str, ServerSight] | None:
    """Read what `show stat` answers; None when it is no such answer."""
    if not text.startswith("# pxname"):
        return None
    rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
    return {row["svname"]: ServerSight(row["status"], int(row["scur"] or 0)) for row in rows}


def _ask(folder: str, command: str) -> str:
    # A socket's address holds some hundred characters: the folder is opened, and named by its descriptor.
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_SECONDS)
            connection.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
            connection.sendall(command.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    finally:
        os.close(descriptor)
