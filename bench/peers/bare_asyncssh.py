"""Connections with nothing but asyncssh: what the engine's own are held against."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import asyncssh

from takeoff.core.environment import Environment

Connections = dict[str, asyncssh.SSHClientConnection]


async def connect(environment: Environment, names: Iterable[str]) -> Connections:
    """Connect to these hosts, to all at once."""
    ssh = environment.ssh
    hosts = environment.hosts()
    names = tuple(names)
    opened = await asyncio.gather(
        *(
            asyncssh.connect(
                hosts[name].target,
                hosts[name].port or ssh.port,
                username=ssh.user or (),
                client_keys=[str(ssh.identity_file)],
                known_hosts=str(ssh.known_hosts),
                config=None,
                agent_path=None,
            )
            for name in names
        )
    )
    return dict(zip(names, opened, strict=True))


async def disconnect(connections: Connections) -> None:
    """Close all, and wait until they are."""
    for connection in connections.values():
        connection.close()
    await asyncio.gather(*(connection.wait_closed() for connection in connections.values()))
