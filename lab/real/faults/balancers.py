"""Balancer nodes, and what an operator does on them by hand."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psutil

from lab.kind import Fault
from lab.real.faults.scripted import run, scripted
from lab.real.fleet import Fleet
from lab.real.servers.balancer import SOCKET
from lab.state import LabError

_COMMAND = """
import socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    connection.sendall(sys.argv[2].encode() + b"\\n")
    connection.shutdown(socket.SHUT_WR)
    answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode().strip()
    sys.exit(answer or None)
"""


def faults(fleet: Fleet) -> list[Fault]:
    """Reload, socket gone, silence, and an operator's maint."""

    def set_state(state: str, host: str) -> None:
        backend = fleet.addresses.layout.host(host).backend
        if backend is None:
            raise LabError(f"{host} stands behind no balancer; name a host of a role that does, such as web")
        for balancer in fleet.addresses.layout.balancers:
            order = f"set server {backend}/{host} state {state}"
            run(fleet, balancer, f"python3 -c '{_COMMAND}' {SOCKET} '{order}'")

    return [
        Fault(
            "maint",
            "an operator sets the host to maint on every balancer",
            True,
            lambda host: set_state("maint", host),
            lambda host: set_state("ready", host),
        ),
        scripted(
            fleet,
            "haproxy-reload",
            "the balancer's HAProxy is reloaded and forgets who was drained; nothing is left to mend",
            'kill -USR2 "$(cat /run/haproxy/pid)"',
            ":",
        ),
        scripted(
            fleet,
            "haproxy-socket",
            "the balancer's runtime socket is gone, HAProxy goes on",
            f"[ ! -e {SOCKET} ] || mv {SOCKET} {SOCKET}.gone",
            f"[ ! -e {SOCKET}.gone ] || mv {SOCKET}.gone {SOCKET}",
        ),
        Fault(
            "silent",
            "the machine stops in its tracks: connections are taken, and nothing ever answers",
            True,
            lambda host: _signal_all(fleet, host, signal.SIGSTOP),
            lambda host: _signal_all(fleet, host, signal.SIGCONT),
        ),
    ]


def _signal_all(fleet: Fleet, host: str, number: signal.Signals) -> None:
    """Signal every process of a machine but its first, which the kernel shields."""
    for process in _processes(fleet, host):
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _processes(fleet: Fleet, host: str) -> Iterator[psutil.Process]:
    first = fleet.process(host)
    if first is None:
        raise LabError(f"{host} is off; `mend power {host}` boots it")
    return iter(first.children(recursive=True))
