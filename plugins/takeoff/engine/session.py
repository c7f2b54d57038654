"""A session: one environment with its connections open, which everything in the engine works on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from takeoff.core.environment import Environment
from takeoff.core.operation import Operation
from takeoff.engine.credentials import Credentials
from takeoff.environment_files import LoadedEnvironment
from takeoff.fleet.protocols import Clock, Journal, LeaseStore, Progress, Transport


@dataclass(frozen=True)
class Session:
    """What a task needs to work on an environment.

    Attributes:
        environment: the model, inventories resolved.
        environment_sha256: hex digest of the environment file.
        transport: runs scripts on hosts.
        clock: time.
        journal: the environment's record, on the blessed node.
        leases: the right to change the environment.
        progress: where an operator watches.
        credentials: logins of outside systems.
    """

    environment: Environment
    environment_sha256: str
    transport: Transport
    clock: Clock
    journal: Journal
    leases: LeaseStore
    progress: Progress
    credentials: Credentials

    def pinned_to(self, operation: Operation) -> Session:
        """The same session with the hosts that the operation pinned when it opened."""
        hosts = {(part.stage, part.role): part.hosts for part in operation.placements}
        return replace(self, environment=self.environment.with_hosts(hosts))


@asynccontextmanager
async def open_session(
    loaded: LoadedEnvironment, credentials: Credentials, progress: Progress
) -> AsyncIterator[Session]:
    """Resolve the inventories and make ready to talk to the hosts; connections open when first needed.

    Raises:
        ConfigError: an inventory cannot be resolved, or a connection, key or known_hosts file is missing.
    """
    raise NotImplementedError
    yield
