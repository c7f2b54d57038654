"""socat, in the one form that a deploy uses: ``socat [-t S] - UNIX-CONNECT:PATH`` copies both ways."""

from __future__ import annotations

import os
import select
import socket
import sys


def main(arguments: list[str]) -> int:
    """Send standard input to a socket and its answer to standard output; 1 when nobody listens there."""
    addresses, rest, linger = [], iter(arguments), 0.5
    for argument in rest:
        if argument in ("-t", "-T"):
            linger = float(next(rest, "0.5"))
        elif argument == "-" or not argument.startswith("-"):
            addresses.append(argument)
    if len(addresses) != 2 or addresses[0] not in ("-", "STDIO", "stdio"):
        print(
            f"socat: the lab's socat takes `- UNIX-CONNECT:PATH` or `- TCP:HOST:PORT`, not {arguments}", file=sys.stderr
        )
        return 1
    try:
        connection = _connect(addresses[1].split(",")[0])
    except OSError as error:
        print(f"socat[{os.getpid()}] E connect: {error.strerror}: {addresses[1]}", file=sys.stderr)
        return 1
    _copy(connection, linger)
    return 0


def _connect(address: str) -> socket.socket:
    kind, _, where = address.partition(":")
    if kind.upper() in ("TCP", "TCP4", "TCP-CONNECT"):
        host, _, port = where.rpartition(":")
        return socket.create_connection((host, int(port)), 10)
    connection = socket.socket(socket.AF_UNIX)
    folder, name = os.path.split(where)
    os.chdir(folder or ".")  # a socket's address holds about 100 characters, a lab's folder may have more
    connection.connect(name)
    return connection


def _copy(connection: socket.socket, linger_seconds: float) -> None:
    """Copy until the other side ends; after our own input ended, wait for it no longer than it stays silent so long."""
    reading: list[int | socket.socket] = [0, connection]
    while True:
        ready, _, _ = select.select(reading, [], [], None if 0 in reading else max(linger_seconds, 0.5))
        if not ready:
            return
        if 0 in ready:
            data = os.read(0, 65536)
            if data:
                connection.sendall(data)
            else:
                reading.remove(0)
                connection.shutdown(socket.SHUT_WR)
        if connection in ready:
            data = connection.recv(65536)
            if not data:
                return
            os.write(1, data)
