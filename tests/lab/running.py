"""A running lab as tests see it, of either kind, and the ways into it."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import asyncssh
import requests

from lab.faults import find_fault
from lab.kind import Fault, LabKind, open_kind
from lab.state import LabRecord, LabState

ROOT = Path(__file__).resolve().parents[2]


def lab_command(folder: Path, *arguments: str, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    """Run ``python -m lab`` as a person would."""
    return subprocess.run(
        [sys.executable, "-m", "lab", *arguments],
        cwd=ROOT,
        env={**os.environ, "TAKEOFF_LAB_STATE": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def eventually(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return value


@dataclass
class RunningLab:
    """A lab that is up."""

    state: LabState

    @cached_property
    def record(self) -> LabRecord:
        return self.state.read()

    @cached_property
    def kind(self) -> LabKind:
        return open_kind(self.record.kind, self.state)

    def fault(self, name: str, host: str = "") -> Fault:
        return find_fault(self.state, self.kind, name, host)

    def run(self, host: str, script: str) -> str:
        """Run a script on a host beside SSH; its output."""
        done = self.kind.run(host, script)
        assert done.status == 0, done.output
        return done.output

    def connect(self, host: str, **options: Any) -> Any:
        ssh = self.record.hosts[host].ssh
        settings: dict[str, Any] = {
            "username": self.record.ssh_user,
            "client_keys": [self.record.ssh_identity],
            "known_hosts": self.record.known_hosts,
            "config": None,
            "agent_path": None,
            "connect_timeout": 5,
            "login_timeout": 5,
        }
        return asyncssh.connect(ssh.address, ssh.port, **{**settings, **options})

    def ssh(self, host: str, command: str, **options: Any) -> asyncssh.SSHCompletedProcess:
        """Run one command on a host over SSH, on a connection of its own."""

        async def run() -> asyncssh.SSHCompletedProcess:
            async with self.connect(host) as connection:
                return await asyncio.wait_for(connection.run(command, **options), 60)

        return asyncio.run(run())

    def said(self, host: str, command: str) -> str:
        """The output of a command over SSH that must succeed."""
        return str(self.ssh(host, command, check=True).stdout).strip()

    def balancer(self, node: str, command: str) -> str:
        """Send one command to HAProxy's socket on a node; the answer, or why there is none."""
        socket = '"UNIX-CONNECT:${TAKEOFF_HOST_ROOT:-}/run/haproxy/admin.sock"'
        return self.kind.run(node, f"echo '{command}' | socat -t 5 - {socket}").output

    def server(self, node: str, name: str) -> dict[str, str]:
        """One server's row of `show stat` on a balancer node."""
        lines = self.balancer(node, "show stat").removeprefix("# ").splitlines()
        rows = (dict(zip(lines[0].split(","), line.split(","), strict=False)) for line in lines[1:] if line)
        return next(row for row in rows if row["svname"] == name)

    def publish_next(self, host: str) -> str:
        """Publish the patch release after the one that a host has, whatever earlier tests did to it; its version."""
        major, minor, patch = self.run(host, "dpkg-query -W -f '${Version}' gitlab-ee").partition("-")[0].split(".")
        version = f"{major}.{minor}.{int(patch) + 1}-ee.0"
        self.kind.repository.publish(version)
        return version

    def await_serving(self) -> None:
        """Wait until every balancer sends requests to every server."""
        servers = [host.name for host in self.record.layout.hosts if host.backend]

        def serving() -> bool:
            rows = [self.server(node, name) for node in self.record.layout.balancers for name in servers]
            return all(row["status"] == "UP" for row in rows)

        eventually(serving, "every server UP on every balancer")

    def alerts(self, **choice: str) -> set[str]:
        """Names of the alerts in Alertmanager: the active ones, unless the choice says otherwise."""
        assert self.record.alertmanager
        query = {"active": "true", "silenced": "false", **choice}
        answer = requests.get(f"{self.record.alertmanager.url}/api/v2/alerts", params=query, timeout=5)
        return {each["labels"]["alertname"] for each in answer.json()}
