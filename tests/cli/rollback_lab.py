"""A small lab for rollbacks, of the kind that the run asks for, whose tests do not depend on each other's order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.environment_file import environment_path
from lab.state import LabState
from lab.traffic.commands import start_traffic, stop_traffic
from takeoff.core.versions import PackageVersion
from tests.cli.conftest import Command
from tests.conftest import folder_within_reach
from tests.lab.running import RunningLab, lab_command

KIND = os.environ.get("TAKEOFF_LAB", "process")
"""Kind of the hosts: ``process`` or ``real``."""

V0 = "17.0.0-ee.0"


@dataclass
class RollbackLab(Command):
    """The command on a lab whose fleet is on one version, and a newer one that never ran there.

    Attributes:
        taken: how many versions tests have taken for themselves.
    """

    taken: int = field(default=0)

    def at_rest(self) -> str:
        """Bring the environment to where a test may begin: nothing open, nothing held; its version."""
        status = self.json("status", "lab")
        if (last := status["operation"]) is not None and last["outcome"] is None:
            self.run("lease", "lab", "--release", "--reason", f"a test left {last['id']} open")
        if status["hold"] is not None:
            self.run("resume", "lab")
        mixed = {host["installed"] for host in status["hosts"]} != {status["deployed"]}
        if mixed or self.is_before_a_point_of_no_return(status["deployed"]):
            version = self.newer()
            self.run("deploy", "lab", version)
            return version
        return str(status["deployed"])

    def is_before_a_point_of_no_return(self, version: str) -> bool:
        points = [PackageVersion.parse(body["version"]) for body in self.bodies("point_of_no_return")]
        return any(PackageVersion.parse(version) < point for point in points)

    def newer(self) -> str:
        """Publish a version that no test has used: so none of them can have been rejected by another's rollback."""
        self.taken += 1
        version = f"17.1.{self.taken}-ee.0"
        self.lab.kind.repository.publish(version)
        return version

    def installed(self) -> set[str]:
        return {host["installed"] for host in self.json("status", "lab")["hosts"]}

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [one["body"] for one in self.entries() if one["body"]["kind"] == kind]

    def drained(self) -> list[str]:
        """Name the servers that a balancer does not send requests to."""
        record = self.lab.record
        servers = [host.name for host in record.layout.hosts if host.backend]
        return [
            f"{name} on {node}: {row['status']}"
            for node in record.layout.balancers
            for name in servers
            if not (row := self.lab.server(node, name))["status"].startswith("UP")
        ]

    @contextmanager
    def users(self) -> Iterator[None]:
        """Traffic for as long as this lasts, of which not one request may fail."""
        start_traffic(self.lab.state)
        try:
            yield
        finally:
            report = stop_traffic(self.lab.state)
        assert report["requests"] > 0
        assert report["failed"] == 0, report


@contextmanager
def rollback_lab(
    hosts: int, stages: dict[str, tuple[str, ...]] | None = None, kind: str = KIND
) -> Iterator[RollbackLab]:
    """Start a lab on 17.0.0, adopted, without QA and alerts: what is tested is the way back.

    Args:
        hosts: how many, the blessed node included.
        stages: stage → the roles of it that are deployed to; all if None.
        kind: of the hosts.
    """
    with folder_within_reach() as base:
        state = LabState(base / "state")
        own = ["--stand-ins"] if kind == "process" else []
        up = lab_command(state.folder, "up", "--kind", kind, "--hosts", str(hosts), "--version", V0, *own)
        assert up.returncode == 0, up.stdout + up.stderr
        try:
            _write_environment(environment_path(state), stages)
            command = RollbackLab(RunningLab(state))
            command.lab.await_serving()
            command.run("adopt", "lab")
            yield command
        finally:
            assert lab_command(state.folder, "down").returncode == 0


def _write_environment(path: Path, stages: dict[str, tuple[str, ...]] | None) -> None:
    data = yaml.safe_load(path.read_text())
    for check in ("qa", "alerts"):
        data.pop(check, None)
    for stage in data["stages"]:
        stage.pop("checks", None)
    if stages is not None:
        data["stages"] = [
            {"name": stage["name"], "roles": {role: stage["roles"][role] for role in stages[stage["name"]]}}
            for stage in data["stages"]
            if stage["name"] in stages
        ]
        for balancer in data["load_balancers"]:
            balancer["backends"] = {"web": {"roles": ["web"]}}
    path.write_text(yaml.safe_dump(data, sort_keys=False))
