"""A load balancer of the simulation: server states, sessions that end some time after a drain, health checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from takeoff.core.errors import HostUnreachable
from takeoff.fleet.protocols import Completed
from tests.fleet.simulated_host import SimulatedHost

COLUMNS = "# pxname,svname,qcur,scur,status,weight,check_status,last_chk,"


@dataclass
class SimulatedServer:
    """One server.

    Attributes:
        open_until: when its last session ends, once it gets no new ones.
        cut_off: its health check fails, whatever the host says of itself.
    """

    host: SimulatedHost
    state: str = "ready"
    open_until: float = 0.0
    cut_off: bool = False

    @property
    def passes(self) -> bool:
        return self.host.healthy and not self.host.down and not self.cut_off

    @property
    def serving(self) -> bool:
        return self.state == "ready" and self.passes


@dataclass
class SimulatedBalancer:
    """One HAProxy.

    Attributes:
        session_s: how long the longest session lasts after a drain.
        silent: gives no answer.
        unfenced: answers looks, and calls that change anything do not reach it.
        on_change: called with host and new state before a state is set.
    """

    name: str
    servers: dict[tuple[str, str], SimulatedServer]
    session_s: float = 2.0
    silent: bool = False
    unfenced: bool = False
    epoch: int = 0
    on_change: Callable[[str, str], None] = lambda host, state: None
    sets: list[tuple[str, str]] = field(default_factory=list)

    def reload(self) -> None:
        """Forget what was set at run time, as a reload without a state file does."""
        for server in self.servers.values():
            server.state = "ready"

    def open_sessions(self, server: SimulatedServer) -> int:
        if server.serving:
            return 3
        return 1 if asyncio.get_running_loop().time() < server.open_until else 0

    def verb(self, verb: str, arguments: Sequence[str]) -> Completed:
        if verb == "balancer-show":
            rows = [COLUMNS, *(self._row(*name, server) for name, server in self.servers.items())]
            return Completed(self.name, 0, b"takeoff1 \n" + "\n".join(rows).encode(), b"")
        epoch, *_ = arguments
        if self.unfenced:
            raise HostUnreachable(self.name, "the connection was lost")
        if int(epoch) < self.epoch:
            return Completed(self.name, 80, f"takeoff1 epoch={self.epoch} given={epoch}\n".encode(), b"")
        self.epoch = int(epoch)
        if verb == "fence":
            return Completed(self.name, 0, f"takeoff1 epoch={epoch}\n".encode(), b"")
        _, _, _, backend, name, state = arguments
        server = self.servers.get((backend, name))
        if server is None:
            return Completed(self.name, 0, b"takeoff1 \nNo such server.\n", b"")
        self.on_change(server.host.name, state)
        if server.serving and state != "ready":
            server.open_until = asyncio.get_running_loop().time() + self.session_s
        server.state = state
        self.sets.append((name, state))
        return Completed(self.name, 0, b"takeoff1 \n\n", b"")

    def _row(self, backend: str, name: str, server: SimulatedServer) -> str:
        status = {"ready": "UP", "drain": "DRAIN", "maint": "MAINT"}[server.state]
        if status != "MAINT" and not server.passes:
            status = "DOWN"
        check = "" if status == "MAINT" else "L7OK" if server.passes else "L4CON"
        return f"{backend},{name},0,{self.open_sessions(server)},{status},1,{check},,"
