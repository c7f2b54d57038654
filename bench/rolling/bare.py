"""What the hosts' own work takes in the engine's order: nothing but the steps, over connections that are there.

Six hosts are out at a time and the next begins as soon as one is back, as in the engine. A host runs its five steps as
one script; nothing is journalled, fenced, detached or read again. While a host waits for the balancer, it is asked four
times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncssh

from bench.rolling import steps
from bench.rolling.fleet import BALANCER
from takeoff.core.balancer_settings import ServerName
from takeoff.core.balancer_status import ServerStatus, parse_servers
from takeoff.core.environment import Environment

POLL_S = 0.25

Connections = dict[str, asyncssh.SSHClientConnection]


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


async def roll(connections: Connections, hosts: tuple[str, ...], batch: int, version: str) -> None:
    """Upgrade the hosts."""
    balancer, few = _Balancer(connections[BALANCER]), asyncio.Semaphore(batch)
    script = steps.on_host(version)

    async def upgrade(host: str) -> None:
        async with few:
            await balancer.put(host, "drain")
            await balancer.until(host, lambda status: not status.open)
            await as_root(connections[host], script)
            await balancer.until(host, lambda status: status.check_passes)
            await balancer.put(host, "ready")
            await balancer.until(host, lambda status: status.serving)

    await asyncio.gather(*map(upgrade, hosts))


async def connect(environment: Environment, name: str) -> asyncssh.SSHClientConnection:
    """Connect to one host with nothing but asyncssh."""
    host, ssh = environment.hosts()[name], environment.ssh
    return await asyncssh.connect(
        host.target,
        host.port or ssh.port,
        username=ssh.user or (),
        client_keys=[str(ssh.identity_file)],
        known_hosts=str(ssh.known_hosts),
        config=None,
        agent_path=None,
    )


async def as_root(connection: asyncssh.SSHClientConnection, script: str) -> str:
    """Run a script; what it said."""
    done = await connection.run("sudo -n sh", input=script, check=True)
    return str(done.stdout)
