"""A balancer's runtime socket, reached on its own node over SSH, where superseded drivers are refused."""

from __future__ import annotations

from typing import Literal

from takeoff.core.balancer_settings import ServerName
from takeoff.core.operation import Lease
from takeoff.fleet.host_script import HostScript, lease_arguments

ServerState = Literal["ready", "drain", "maint"]
"""States that HAProxy's ``set server … state`` takes (Management Guide, §9.3)."""


class BalancerNode:
    """One HAProxy process on one node."""

    def __init__(self, script: HostScript, host: str, socket: str) -> None:
        self._script = script
        self._host = host
        self._socket = socket

    async def show(self, command: str, *, timeout_s: float = 20.0) -> str:
        """Give HAProxy a command that only looks, such as ``show stat web 4 -1``, and return its answer.

        Raises:
            HostUnreachable: the node gives no answer in time.
            CommandFailed: HAProxy is not there, or the command is not one of those that only look.
        """
        answer = await self._script.call(self._host, "balancer-show", self._socket, command, timeout_s=timeout_s)
        return answer.data.decode("utf-8", "replace")

    async def fence(self, lease: Lease, *, timeout_s: float = 20.0) -> None:
        """Tell the node the lease's epoch; it refuses older drivers from then on.

        Raises:
            Superseded: the node knows a newer driver.
            AuthorityDoubtful: the node belongs to another journal.
            HostUnreachable: no answer.
        """
        await self._script.call(self._host, "fence", *lease_arguments(lease), "", timeout_s=timeout_s)

    async def set_state(self, lease: Lease, server: ServerName, state: ServerState, *, timeout_s: float = 20.0) -> str:
        """Set a server's state; the node checks the epoch and writes to HAProxy under one lock.

        Returns:
            HAProxy's answer without blanks: empty if it did it, else its complaint (``No such server.``).

        Raises:
            Superseded: the node knows a newer driver; nothing was changed.
            AuthorityDoubtful: the node belongs to another journal; nothing was changed.
            HostUnreachable: no answer; the state may or may not be set: look.
            CommandFailed: HAProxy is not there.
        """
        arguments = (*lease_arguments(lease), self._socket, server.backend, server.server, state)
        answer = await self._script.call(self._host, "balancer-set", *arguments, timeout_s=timeout_s)
        return answer.data.decode("utf-8", "replace").strip()
