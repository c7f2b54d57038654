"""Where a process-kind host lives on this machine, and the environment of every command that runs on it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.state import LabState, kill_processes, lives

FOLDERS = (
    "etc/gitlab",
    "etc/apt/sources.list.d",
    "root",
    "run",
    "tmp",
    "var/lib/dpkg",
    "var/log",
    "var/opt",
    "opt",
    "usr/bin",
)
"""What a new host's root folder holds; the rest is made by packages."""


@dataclass(frozen=True)
class ProcessHost:
    """One host.

    Attributes:
        folder: holds the SSH host key and, under ``root``, what the host sees as ``/``.
        commands: the only folder of commands on its PATH, beside its own ``/usr/bin``.
        http_port: port on 127.0.0.1 that stands for its port 80.
    """

    name: str
    folder: Path
    commands: Path
    http_port: int

    @property
    def root(self) -> Path:
        """The folder that stands for the host's ``/``."""
        return self.folder / "root"

    @property
    def key(self) -> Path:
        """Its SSH host key."""
        return self.folder / "ssh_host_ed25519_key"

    def environment(self) -> dict[str, str]:
        """All variables of a command on the host; nothing of this process's own environment gets through."""
        return {
            "PATH": f"{self.root}/usr/bin:{self.commands}",
            "HOME": f"{self.root}/root",
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "USER": "takeoff",
            "LOGNAME": "takeoff",
            "SHELL": "/bin/sh",
            "TAKEOFF_HOST_ROOT": str(self.root),
            "LAB_HOST": self.name,
            "LAB_HTTP_PORT": str(self.http_port),
        }

    def create(self) -> None:
        """Make the root folder of a new host; an existing one keeps its files."""
        for each in FOLDERS:
            (self.root / each).mkdir(parents=True, exist_ok=True)


def processes_of(hosts: Iterable[ProcessHost]) -> list[psutil.Process]:
    """Every living process of hosts: whatever its session, it carries its host's root in its environment."""
    return processes_with("TAKEOFF_HOST_ROOT", {str(host.root) for host in hosts})


def processes_with(variable: str, values: Collection[str]) -> list[psutil.Process]:
    """Every living process but this one that has one of the values in a variable of its environment."""
    return [each for each in psutil.process_iter() if _variable(each, variable) in values]


def kill_processes_of(hosts: Collection[ProcessHost]) -> None:
    """End every process of hosts at once; looked for again until there is none, as one may start another meanwhile."""
    while alive := processes_of(hosts):
        kill_processes(alive)


def open_host(state: LabState, name: str, http_port: int) -> ProcessHost:
    """The host of that name in a lab's folder."""
    return ProcessHost(name, state.folder / "hosts" / name, state.folder / "commands", http_port)


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        value = process.environ().get(name)
        return value if process.pid != os.getpid() and lives(process) else None
    except (psutil.Error, OSError):
        return None
