"""Sessions on hosts that are folders: the real journal, lease and fence, without SSH."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import requests

from takeoff.core.environment import Environment
from takeoff.core.operation import Lease, OperationDraft, OperationKind
from takeoff.engine.credentials import HttpAccess
from takeoff.engine.drivers import new_driver
from takeoff.engine.requested import placements
from takeoff.engine.session import Session
from takeoff.engine.shell_credentials import ShellCredentials
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.lease import JournalLeases
from tests.fleet.job_processes import end_jobs
from tests.fleet.shell_hosts import ShellHosts

V0, V1, V2 = "17.0.0-ee.0", "17.1.0-ee.0", "17.2.0-ee.0"
"""What is adopted, what is deployed first, and what comes after it."""


class Lines:
    """A Progress that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def host(self, host: str, step: str, detail: str = "") -> None:
        self.told.append(f"{host}: {step} {detail}".strip())

    def line(self, text: str) -> None:
        self.told.append(text)


class Direct:
    """Credentials for services that need no login."""

    def http(self, connection: str | None, url: str | None, field: str) -> HttpAccess:
        return HttpAccess(str(url), requests.Session(), "token")


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


async def opened(session: Session, version: str = V1, kind: OperationKind = OperationKind.DEPLOY, **more: Any) -> Lease:
    """An operation, in somebody's name."""
    wanted = draft(session.environment, version, kind, **more)
    return await session.leases.open(wanted, new_driver("lease", "maria"), check=lambda record: None)


def install(hosts: ShellHosts, environment: Environment, versions: dict[str, str]) -> None:
    """Give each host a dpkg that says so."""
    for host, version in versions.items():
        folder: Path = hosts.root(host) / "bin"
        folder.mkdir(parents=True, exist_ok=True)
        query = folder / "dpkg-query"
        query.write_text(f"#!/bin/sh\nprintf 'install ok installed\\t{version}\\n'\n")
        query.chmod(0o755)


@contextmanager
def installed_hosts(folder: Path, environment: Environment) -> Iterator[ShellHosts]:
    """Hosts on the first version; jobs that are left running are ended."""
    hosts = ShellHosts(folder)
    install(hosts, environment, dict.fromkeys(environment.fleet, V0))
    yield hosts
    end_jobs(folder)
