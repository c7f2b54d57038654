"""A running lab as tests see it, whatever its kind, and the ways into it."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

FIRST = "17.0.0-ee.0"
"""The version that a new lab has installed."""

INSTALL = """
root="${{TAKEOFF_HOST_ROOT:-}}"; skip="$root/etc/gitlab/skip-auto-reconfigure"
export DEBIAN_FRONTEND=noninteractive
touch "$skip"
apt-get update -q && apt-get install -y -q --allow-downgrades gitlab-ee={version}
status=$?
rm -f "$skip"
exit $status
"""


def lab_command(folder: Path, *arguments: str, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    """Run ``python -m lab`` as a person would; ``up`` makes a lab of this run's kind, unless told another one."""
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

    def break_(self, name: str, host: str = "") -> None:
        """What ``break`` does, without a process of its own."""
        with self.state.lock():
            self.fault(name, host).apply(host)

    def mend(self, name: str, host: str = "") -> None:
        """What ``mend`` does."""
        with self.state.lock():
            self.fault(name, host).lift(host)

    def command(self, *arguments: str) -> str:
        """Run a lab command that must succeed; its output."""
        done = lab_command(self.state.folder, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def status(self) -> dict[str, Any]:
        """What ``status --json`` tells."""
        return dict(json.loads(self.command("status", "--json")))

    def run(self, host: str, script: str) -> str:
        """Run a script as the host's administrator, beside SSH; its output. It must succeed."""
        done = self.kind.run(host, script)
        assert done.status == 0, done.output
        return done.output

    def refused(self, host: str, script: str, status: int = 1) -> str:
        """Run a script that must end with an exit status; its output."""
        done = self.kind.run(host, script)
        assert done.status == status, f"exit status {done.status}: {done.output}"
        return done.output

    def connect(self, host: str, **options: Any) -> Any:
        ssh = self.record.hosts[host].ssh
        settings: dict[str, Any] = {
            "username": self.record.ssh_user,
            "client_keys": [self.record.ssh_identity],
            "known_hosts": self.record.known_hosts,
            "config": None,
            "agent_path": None,
            "connect_timeout": 20,
            "login_timeout": 20,
        }
        return asyncssh.connect(ssh.address, ssh.port, **{**settings, **options})

    def ssh(self, host: str, command: str, *, patience: float = 20, **options: Any) -> asyncssh.SSHCompletedProcess:
        """Run one command on a host over SSH, on a connection of its own that comes about within so many seconds."""

        async def run() -> asyncssh.SSHCompletedProcess:
            async with self.connect(host, connect_timeout=patience, login_timeout=patience) as connection:
                return await asyncio.wait_for(connection.run(command, **options), 60)

        return asyncio.run(run())

    def said(self, host: str, command: str) -> str:
        """The output of a command over SSH that must succeed."""
        return str(self.ssh(host, command, check=True).stdout).strip()

    def balancer(self, node: str, command: str) -> str:
        """Send one command to HAProxy's socket on a node; the answer, or why there is none."""
        socket = '"UNIX-CONNECT:${TAKEOFF_HOST_ROOT:-}/run/haproxy/admin.sock"'
        return self.kind.run(node, f"echo '{command}' | socat -t 5 - {socket}").output

    def servers(self, node: str) -> dict[str, dict[str, str]]:
        """The rows of `show stat` on a balancer node, by server."""
        lines = self.balancer(node, "show stat").removeprefix("# ").splitlines()
        rows = [dict(zip(lines[0].split(","), line.split(","), strict=False)) for line in lines[1:] if line]
        return {row["svname"]: row for row in rows}

    def server(self, node: str, name: str) -> dict[str, str]:
        """One server's row of `show stat` on a balancer node."""
        return self.servers(node)[name]

    def set_server(self, host: str, state: str) -> None:
        """Set a host's server on every balancer to ``drain``, ``maint`` or ``ready``."""
        backend = self.record.layout.host(host).backend
        for node in self.record.layout.balancers:
            answer = self.balancer(node, f"set server {backend}/{host} state {state}")
            assert answer.strip() == "", answer

    def version(self, host: str) -> str:
        """The version that dpkg has on a host."""
        return self.run(host, "dpkg-query -W -f '${Version}' gitlab-ee")

    def publish(self, *versions: str) -> None:
        for version in versions:
            self.kind.repository.publish(version)

    def publish_next(self, host: str) -> str:
        """Publish the patch release after the one that a host has, whatever earlier tests did to it; its version."""
        major, minor, patch = self.version(host).partition("-")[0].split(".")
        version = f"{major}.{minor}.{int(patch) + 1}-ee.0"
        self.publish(version)
        return version

    def install(self, host: str, version: str, then: str = "true") -> str:
        """Install a version as a deploy does, without reconfiguring, and run a command after it; its output."""
        return self.run(host, f"({INSTALL.format(version=version)}) && {then}")

    def serves(self, host: str, version: str) -> bool:
        """Whether a host's application answers users with a version."""
        try:
            answer = requests.get(f"{self.record.hosts[host].http.url}/api/v4/version", timeout=5)
            return bool(answer.json()["package"] == version)
        except (requests.RequestException, ValueError, KeyError):
            return False

    def await_serving(self) -> None:
        """Wait until every balancer sends requests to every server."""
        servers = [host.name for host in self.record.layout.hosts if host.backend]

        def serving() -> bool:
            tables = [self.servers(node) for node in self.record.layout.balancers]
            return all(table[name]["status"] == "UP" for table in tables for name in servers)

        eventually(serving, "every server UP on every balancer", seconds=40)

    def alerts(self, **choice: str) -> set[str]:
        """Names of the alerts in Alertmanager: the active ones, unless the choice says otherwise."""
        assert self.record.alertmanager
        query = {"active": "true", "silenced": "false", **choice}
        answer = requests.get(f"{self.record.alertmanager.url}/api/v2/alerts", params=query, timeout=5)
        return {each["labels"]["alertname"] for each in answer.json()}


@contextmanager
def run_lab(folder: Path, *options: str) -> Iterator[RunningLab]:
    """Have a lab in a folder for the length of a block."""
    started = lab_command(folder, "up", *options)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        lab = RunningLab(LabState(folder))
        lab.await_serving()
        yield lab
    finally:
        ended = lab_command(folder, "down")
        assert ended.returncode == 0, ended.stdout + ended.stderr
