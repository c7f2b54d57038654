"""Sessions on hosts that are folders: the real journal, lease and fence, without SSH."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from takeoff.core.environment import Environment
from takeoff.core.operation import Lease, OperationDraft, OperationKind
from takeoff.engine.drivers import new_driver
from takeoff.engine.requested import placements
from takeoff.engine.session import Session
from takeoff.engine.shell_credentials import ShellCredentials
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.lease import JournalLeases
from tests.fleet.shell_hosts import ShellHosts

FIRST, NEXT = "17.0.0-ee.0", "17.1.0-ee.0"
"""What is adopted, and what is deployed first."""


class Lines:
    """A Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def host(self, host: str, step: str, detail: str = "") -> None:
        self.told.append(f"{host}: {step} {detail}".strip())

    def line(self, text: str) -> None:
        self.told.append(text)


def session_on(hosts: ShellHosts, environment: Environment) -> Session:
    """A session of its own: what it has read of the journal is its own too."""
    clock = SystemClock()
    journal = HostJournal(HostScript(hosts, environment), clock)
    return Session(
        environment=environment,
        environment_sha256="0" * 64,
        transport=hosts,
        clock=clock,
        journal=journal,
        leases=JournalLeases(journal, clock),
        progress=cast(Any, Lines()),
        credentials=ShellCredentials({}),
    )


def draft(
    environment: Environment, version: str, kind: OperationKind = OperationKind.DEPLOY, **more: Any
) -> OperationDraft:
    """An operation as `open_deploy` would pin it."""
    values: dict[str, Any] = {
        "kind": kind,
        "environment": environment.name,
        "package": environment.package.name,
        "version": version,
        "environment_sha256": "0" * 64,
        "deploy_node": environment.deploy_node,
        "placements": placements(environment),
        "requested_by": "maria",
    }
    return OperationDraft(**(values | more))


async def opened(session: Session, kind: OperationKind = OperationKind.DEPLOY) -> Lease:
    """An operation to the next version, in somebody's name."""
    wanted = draft(session.environment, NEXT, kind)
    return await session.leases.open(wanted, new_driver("lease", "maria"), check=lambda record: None)


def install(hosts: ShellHosts, environment: Environment, versions: dict[str, str]) -> None:
    """Give each host a dpkg that says so."""
    for host, version in versions.items():
        folder: Path = hosts.root(host) / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        query = folder / "dpkg-query"
        query.write_text(f"#!/bin/sh\nprintf 'install ok installed\\t{version}\\n'\n")
        query.chmod(0o755)
