"""Ways into a running lab for tests: the command, SSH, the balancer's socket."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from lab.faults import find_fault
from lab.kind import LabKind, open_kind
from lab.state import LabRecord, LabState

ROOT = Path(__file__).resolve().parents[2]


def lab_command(folder: Path, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run ``python -m lab`` as a person would; a lab that it makes is of kind ``process``, whatever the run's kind."""
    environment = {**os.environ, "TAKEOFF_LAB": "process", "TAKEOFF_LAB_STATE": str(folder), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def eventually(condition: Callable[[], Any], what: str, seconds: float = 15) -> Any:
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return value


@dataclass
class Lab:
    """A running lab and the ways into it."""

    state: LabState

    @property
    def record(self) -> LabRecord:
        return self.state.read()

    @property
    def kind(self) -> LabKind:
        return open_kind(self.record.kind, self.state)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        result = lab_command(self.state.folder, *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result

    def break_(self, fault: str, host: str = "") -> None:
        """What `break` does, without a process of its own."""
        with self.state.lock():
            find_fault(self.state, self.kind, fault, host).apply(host)

    def mend(self, fault: str, host: str = "") -> None:
        """What `mend` does."""
        with self.state.lock():
            find_fault(self.state, self.kind, fault, host).lift(host)

    def connect(self, host: str, **options: Any) -> Any:
        record = self.record
        ssh = record.hosts[host].ssh
        settings: dict[str, Any] = {
            "username": record.ssh_user,
            "client_keys": [record.ssh_identity],
            "known_hosts": record.known_hosts,
            "config": None,
            "agent_path": None,
            "connect_timeout": 10,
            "login_timeout": 10,
        }
        return asyncssh.connect(ssh.address, ssh.port, **{**settings, **options})

    def ssh(self, host: str, command: str, **options: Any) -> asyncssh.SSHCompletedProcess:
        """Run one command on a host over SSH."""

        async def run() -> asyncssh.SSHCompletedProcess:
            async with self.connect(host) as connection:
                return await asyncio.wait_for(connection.run(command, **options), 60)

        return asyncio.run(run())

    def publish(self, *versions: str) -> None:
        for version in versions:
            self.kind.repository.publish(version)

    def balancer(self, command: str) -> str:
        """Send one command to HAProxy's socket, on its node."""
        socket = '"UNIX-CONNECT:$TAKEOFF_HOST_ROOT/run/haproxy/admin.sock"'
        return str(self.ssh("lb-01", f"echo '{command}' | socat - {socket}", check=True).stdout)

    def server(self, name: str, backend: str = "web") -> dict[str, str]:
        """One server's row of `show stat`."""
        lines = self.balancer(f"show stat {backend} 4 -1").removeprefix("# ").splitlines()
        rows = (dict(zip(lines[0].split(","), line.split(","), strict=False)) for line in lines[1:] if line)
        return next(row for row in rows if row["svname"] == name)


def status_json(folder: Path) -> dict[str, Any]:
    """What ``status --json`` tells."""
    return dict(json.loads(lab_command(folder, "status", "--json").stdout))
