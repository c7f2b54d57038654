"""Reads the part of haproxy.cfg that the lab writes."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class ServerConfiguration:
    """One ``server`` line."""

    name: str
    address: str
    port: int


@dataclass
class BackendConfiguration:
    """One ``backend`` section: servers, and how their health is checked (times in seconds).

    Attributes:
        interval: between two checks of a server that is fully up or down.
        fast_interval: between two checks while its health is changing; None for ``interval``.
    """

    name: str
    servers: list[ServerConfiguration] = field(default_factory=list)
    check_path: str = "/"
    interval: float = 2.0
    fast_interval: float | None = None
    fall: int = 3
    rise: int = 2


@dataclass
class Configuration:
    """A whole file.

    Attributes:
        fronts: (address, port, default backend) of each frontend that proxies.
        socket: path of the runtime socket.
        state_file: where the administrative states are loaded from at the start; empty for nowhere.
        timeouts: ``connect``, ``client``, ``server``, ``http-keep-alive`` in seconds.
    """

    backends: dict[str, BackendConfiguration] = field(default_factory=dict)
    fronts: list[tuple[str, str, int, str]] = field(default_factory=list)
    socket: str = ""
    state_file: str = ""
    timeouts: dict[str, float] = field(default_factory=dict)


def read_configuration(path: Path) -> Configuration:
    """Read a file; directives that do not matter here are passed over.

    Raises:
        ValueError: a line that matters cannot be read.
    """
    configuration = Configuration()
    backend = BackendConfiguration("")
    front, bind = "", ("", 0)
    for line in path.read_text().splitlines():
        words = line.split("#")[0].split()
        match words:
            case ["backend", name]:
                backend = configuration.backends[name] = BackendConfiguration(name)
            case ["frontend", name]:
                front = name
            case ["bind", where, *_]:
                address, _, port = where.rpartition(":")
                bind = ("0.0.0.0" if address in ("", "*") else address, int(port))  # noqa: S104
            case ["default_backend", name]:
                configuration.fronts.append((front, *bind, name))
            case ["server", name, where, *_]:
                address, _, port = where.rpartition(":")
                backend.servers.append(ServerConfiguration(name, address, int(port)))
            case ["option", "httpchk", _, target, *_]:
                backend.check_path = target
            case ["default-server", *options]:
                _read_checks(backend, options)
            case ["timeout", name, value]:
                configuration.timeouts[name] = _seconds(value)
            case ["stats", "socket", where, *_]:
                configuration.socket = where.removeprefix("unix@")
            case ["server-state-file", where]:
                configuration.state_file = where
    return configuration


def _read_checks(backend: BackendConfiguration, options: list[str]) -> None:
    for name, value in itertools.pairwise(options):
        if name == "inter":
            backend.interval = _seconds(value)
        elif name == "fastinter":
            backend.fast_interval = _seconds(value)
        elif name == "fall":
            backend.fall = int(value)
        elif name == "rise":
            backend.rise = int(value)


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+)(us|ms|s|m|h)?", text)
    if not match:
        raise ValueError(f"{text!r} is no time as HAProxy writes it")
    return int(match[1]) * {"us": 1e-6, "ms": 1e-3, None: 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}[match[2]]
