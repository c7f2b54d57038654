"""Where a process-kind host lives on this machine, and the environment of every command that runs on it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.state import LabState

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

    def processes(self) -> list[psutil.Process]:
        """Every living process of the host: whatever its session, it carries the host's root in its environment."""
        marker = str(self.root)
        return [each for each in psutil.process_iter() if _variable(each, "TAKEOFF_HOST_ROOT") == marker]

    def kill_all(self) -> None:
        """End every process at once; repeated until none is left, as one may start another meanwhile."""
        for _ in range(50):
            if not (alive := self.processes()):
                return
            for each in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            psutil.wait_procs(alive, timeout=2)


def open_host(state: LabState, name: str, http_port: int) -> ProcessHost:
    """The host of that name in a lab's folder."""
    return ProcessHost(name, state.folder / "hosts" / name, state.folder / "commands", http_port)


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.environ().get(name)
    except (psutil.Error, OSError):
        return None
