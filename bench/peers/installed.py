"""Where the other tools are installed, and how they are told of the hosts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from takeoff.core.environment import Environment

BIN = Path(__file__).resolve().parents[2] / ".venv-bench" / "bin"
"""Made by ``make bench`` from requirements-bench.txt."""


@dataclass(frozen=True)
class Login:
    """How hosts are logged in to: the same for every tool."""

    addresses: tuple[str, ...]
    port: int
    user: str
    key: str
    known_hosts: str

    @classmethod
    def of(cls, environment: Environment, names: tuple[str, ...]) -> Login:
        """Take it from an environment whose hosts all listen on the same port."""
        hosts, ssh = environment.hosts(), environment.ssh
        (port,) = {hosts[name].port or ssh.port for name in names}
        addresses = tuple(hosts[name].target for name in names)
        return cls(addresses, port, ssh.user or "", str(ssh.identity_file), str(ssh.known_hosts))

    def write(self, path: Path) -> Path:
        """Write it down for a tool that reads JSON."""
        path.write_text(json.dumps(self.__dict__))
        return path


def missing() -> str:
    """Say what to do if the other tools are not installed; empty if they are."""
    if (BIN / "ansible").exists():
        return ""
    return f"not compared: {BIN.parent.name} is missing; `make bench` makes it from requirements-bench.txt"
