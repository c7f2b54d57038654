"""A balancer node of the simulation: its fence, its servers, sessions that end some time after a drain."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from takeoff.fleet.protocols import Completed
from tests.fleet.simulated_balancer import COLUMNS
from tests.simulation.host import Host
from tests.simulation.journal_files import JournalFiles
from tests.simulation.node import Node

SESSION_S = 1.5
"""How long the longest session lasts after a drain."""


class WatchesServers(Protocol):
    """Who is told of a server's change, before it happens."""

    def server_changes(self, balancer: Balancer, server: Server, state: str, epoch: int) -> None: ...


@dataclass
class Server:
    """One server of a backend."""

    backend: str
    host: Host
    state: str = "ready"
    open_until: float = -1.0
    reset_at: float = -100.0
    """When a reload last made it ready behind everybody's back."""

    @property
    def serving(self) -> bool:
        return self.state == "ready" and self.host.healthy


@dataclass
class Balancer(Node):
    """One HAProxy and its node."""

    servers: dict[str, Server] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = JournalFiles(self)
        self.watches: WatchesServers

    def reload(self) -> None:
        """Forget what was set at run time, as a reload without a state file does."""
        for server in self.servers.values():
            if server.state != "ready":
                server.state, server.reset_at = "ready", asyncio.get_running_loop().time()

    def open_sessions(self, server: Server) -> int:
        if server.serving:
            return 3
        return 1 if asyncio.get_running_loop().time() < server.open_until else 0

    async def verb(self, verb: str, arguments: Sequence[str], stdin: bytes) -> Completed:
        match verb:
            case "fence":
                return self.fence(arguments)
            case "journal-read":
                return self.files.read(arguments)
            case "balancer-show":
                rows = [COLUMNS, *(self._row(name, server) for name, server in self.servers.items())]
                return self.said("", "\n".join(rows).encode())
            case "balancer-set":
                epoch, authorities, _, _, name, state = arguments
                if (refusal := self.check_fence(epoch, authorities)) is not None:
                    return refusal
                server = self.servers[name]
                self.watches.server_changes(self, server, state, int(epoch))
                if server.serving and state != "ready":
                    server.open_until = asyncio.get_running_loop().time() + SESSION_S
                server.state = state
                return self.said("", b"\n")
        raise AssertionError(f"a balancer knows no verb {verb}")

    def _row(self, name: str, server: Server) -> str:
        status = {"ready": "UP", "drain": "DRAIN", "maint": "MAINT"}[server.state]
        if status != "MAINT" and not server.host.healthy:
            status = "DOWN"
        check = "" if status == "MAINT" else "L7OK" if server.host.healthy else "L4CON"
        return f"{server.backend},{name},0,{self.open_sessions(server)},{status},1,{check},,"
