"""A session: one environment with its connections open, which everything in the engine works on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from takeoff.core.environment import Environment
from takeoff.core.errors import ConfigError
from takeoff.core.operation import Operation
from takeoff.engine.credentials import Credentials
from takeoff.engine.inventory import resolve_inventories
from takeoff.engine.stopping import Stop
from takeoff.environment_files import LoadedEnvironment
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.connections import SshTransport
from takeoff.fleet.fleet import Fleet
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.lease import JournalLeases
from takeoff.fleet.protocols import Clock, LeaseStore, Progress, Transport


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
        stop: whether whoever runs this process wants it to end.
        seen_versions: what the package sources were found to hold, by this process.
    """

    environment: Environment
    environment_sha256: str
    transport: Transport
    clock: Clock
    journal: HostJournal
    leases: LeaseStore
    progress: Progress
    credentials: Credentials
    stop: Stop = field(default_factory=Stop)
    seen_versions: set[str] = field(default_factory=set)

    @property
    def fleet(self) -> Fleet:
        """The same environment, for the parts that act on hosts or look at them."""
        return Fleet.of(self.environment, self.transport, self.clock, self.progress)

    def pinned_to(self, operation: Operation) -> Session:
        """The same session with the hosts that the operation pinned when it opened; a changed file is told.

        Raises:
            ConfigError: the environment file lacks a stage or role of it by now.
        """
        stages = {(stage.name, role) for stage in self.environment.stages for role in stage.roles}
        if gone := [part for part in operation.placements if (part.stage, part.role) not in stages]:
            raise ConfigError(
                f"{self.environment.name}: the environment file has no role {gone[0].role!r} in stage "
                f"{gone[0].stage!r} any more, but operation {operation.id} has hosts there: put it back until that "
                "operation is over"
            )
        if operation.environment_sha256 != self.environment_sha256:
            self.progress.line(
                f"the environment file has changed since operation {operation.id} opened: its version and hosts stay "
                "as they were then, all other settings are the file's of now"
            )
        hosts = {(part.stage, part.role): part.hosts for part in operation.placements}
        return replace(self, environment=self.environment.with_hosts(hosts))


@asynccontextmanager
async def open_session(
    loaded: LoadedEnvironment, credentials: Credentials, progress: Progress, stop: Stop | None = None
) -> AsyncIterator[Session]:
    """Resolve the inventories and make ready to talk to the hosts; connections open when first needed.

    Args:
        loaded: the environment file.
        credentials: logins of outside systems.
        progress: where an operator watches.
        stop: where whoever runs this process asks it to end; nobody can if None.

    Raises:
        ConfigError: an inventory cannot be resolved, or a connection, key or known_hosts file is missing.
    """
    environment = await resolve_inventories(loaded.environment, loaded.path.resolve().parent)
    transport = SshTransport(environment.hosts(), environment.ssh, credentials.ssh(environment))
    clock = SystemClock()
    script = HostScript(transport, environment)
    journal = HostJournal(script, clock)
    try:
        yield Session(
            environment=environment,
            environment_sha256=loaded.sha256,
            transport=transport,
            clock=clock,
            journal=journal,
            leases=JournalLeases(journal, clock),
            progress=progress,
            credentials=credentials,
            stop=stop or Stop(),
        )
    finally:
        await transport.aclose()
