"""The steps in the engine's order and nothing but them, over connections that are there.

Six hosts are out at a time and the next begins as soon as one is back, as in the engine. A host's steps are one script,
or two with a look at its sessions between them, which no correct deploy can do without: a reload may have put back what
was drained. Nothing is journalled, fenced, detached or looked at twice. While a host waits for the balancer, it is
asked four times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import asyncssh

from bench.peers.bare_asyncssh import Connections
from bench.rolling import steps
from bench.rolling.fleet import BALANCER
from takeoff.core.balancer_settings import ServerName
from takeoff.core.balancer_status import ServerStatus, parse_servers

POLL_S = 0.25


class Scripts(NamedTuple):
    """A host's steps: those after which its sessions are looked at once more, if any, and all others."""

    before: str
    after: str


class _Balancer:
    """HAProxy, asked whenever somebody wants to know."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection

    async def until(self, host: str, holds: Callable[[ServerStatus], bool]) -> None:
        name = ServerName("web", host)
        while not holds(parse_servers(await as_root(self._connection, steps.show))[name]):
            await asyncio.sleep(POLL_S)

    async def put(self, host: str, state: str) -> None:
        await as_root(self._connection, steps.set_state(host, state))


async def roll(connections: Connections, hosts: tuple[str, ...], batch: int, scripts: Scripts) -> None:
    """Upgrade the hosts."""
    balancer, few = _Balancer(connections[BALANCER]), asyncio.Semaphore(batch)

    async def upgrade(host: str) -> None:
        async with few:
            await balancer.put(host, "drain")
            await balancer.until(host, lambda status: not status.open)
            if scripts.before:
                await as_root(connections[host], scripts.before)
                await balancer.until(host, lambda status: not status.open)
            await as_root(connections[host], scripts.after)
            await balancer.until(host, lambda status: status.check_passes)
            await balancer.put(host, "ready")
            await balancer.until(host, lambda status: status.serving)

    await asyncio.gather(*map(upgrade, hosts))


async def as_root(connection: asyncssh.SSHClientConnection, script: str) -> str:
    """Run a script; what it said."""
    done = await connection.run("sudo -n sh", input=script, check=True)
    return str(done.stdout)
