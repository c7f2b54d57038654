"""A balancer's runtime socket over TCP: for balancers without SSH. Nothing there refuses a superseded driver."""

from __future__ import annotations

import asyncio

from takeoff.core.balancer_settings import ServerName
from takeoff.core.errors import HostUnreachable
from takeoff.core.operation import Lease
from takeoff.fleet.balancer_node import ServerState


class BalancerTcpSocket:
    """One HAProxy process whose runtime socket listens on TCP (``stats socket ipv4@… level admin``)."""

    def __init__(self, name: str, address: str) -> None:
        self._name = name
        host, _, port = address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)

    async def show(self, command: str, *, timeout_s: float = 20.0) -> str:
        """Give HAProxy a command and return its answer.

        Raises:
            HostUnreachable: nothing answers there in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await asyncio.open_connection(self._host, self._port)
                try:
                    writer.write(command.encode() + b"\n")
                    await writer.drain()
                    return (await reader.read()).decode("utf-8", "replace")
                finally:
                    writer.close()
        except OSError as error:  # TimeoutError is one of them
            why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise HostUnreachable(self._name, f"HAProxy's socket {self._host}:{self._port}: {why}") from error

    async def fence(self, lease: Lease, *, timeout_s: float = 20.0) -> None:
        """Do nothing: HAProxy knows no epochs, and ``takeoff validate`` warns of it."""

    async def set_state(self, lease: Lease, server: ServerName, state: ServerState, *, timeout_s: float = 20.0) -> str:
        """Set a server's state; ``lease`` is not looked at, because HAProxy knows no epochs.

        Returns:
            HAProxy's answer without blanks: empty if it did it, else its complaint.

        Raises:
            HostUnreachable: nothing answers there in time.
        """
        return (await self.show(f"set server {server} state {state}", timeout_s=timeout_s)).strip()
