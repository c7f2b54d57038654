"""The SSH server of all hosts of a process-kind lab: ``python -m lab.process.server STATE``."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import asyncssh

from lab.process.host import ProcessHost, open_host
from lab.process.session import run_command
from lab.state import LabState

log = logging.getLogger("lab.process")


class HostServer:
    """One host's SSH server and its faults.

    Attributes:
        mode: ``up``, ``off`` (as if without power), ``refuse`` (nobody listens) or ``hang`` (connects, never answers).
        answering: cleared while the host hangs; sessions under way wait for it too.
    """

    def __init__(self, host: ProcessHost, port: int, user: str, authorized: str) -> None:
        self.host, self.port, self.user, self.authorized = host, port, user, authorized
        self.mode = "off"
        self.answering = asyncio.Event()
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._listener: asyncssh.SSHAcceptor | None = None
        self._silent: asyncio.Server | None = None
        self._held: set[asyncio.StreamWriter] = set()
        self._key = host.key

    async def switch(self, mode: str) -> None:
        """Go over to another mode; connections survive only the way to and from ``hang``."""
        if mode == self.mode:
            return
        if "hang" not in (mode, self.mode):
            self._drop()
        await self._close()
        self.mode = mode
        if mode == "up":
            self.answering.set()
            for connection in self.connections:
                _transport(connection).resume_reading()
            self._listener = await asyncssh.listen(
                "127.0.0.1",
                self.port,
                server_factory=lambda: _Login(self),
                server_host_keys=[str(self._key)],
                process_factory=lambda process: run_command(process, self.host, self.answering),
                encoding=None,
                reuse_address=True,
                login_timeout=60,
                keepalive_interval=0,
                line_editor=False,
            )
        elif mode == "hang":
            self.answering.clear()
            for connection in self.connections:
                _transport(connection).pause_reading()
            self._silent = await asyncio.start_server(self._hold, "127.0.0.1", self.port, reuse_address=True)

    async def use_key(self, path: Path) -> None:
        """Answer with another host key from now on."""
        self._key = path
        if self.mode == "up":
            await self.switch("refuse")
            await self.switch("up")

    def _drop(self) -> None:
        for connection in tuple(self.connections):
            connection.abort()
        for writer in tuple(self._held):
            writer.transport.abort()

    async def _close(self) -> None:
        if self._listener:
            self._listener.close()
            await self._listener.wait_closed()
        if self._silent:
            self._silent.close()
            for writer in tuple(self._held):
                writer.transport.abort()
        self._listener = self._silent = None

    async def _hold(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._held.add(writer)
        try:
            await self.answering.wait()
        finally:
            self._held.discard(writer)
            writer.close()


class _Login(asyncssh.SSHServer):
    """Lets one user in, with the lab's key."""

    def __init__(self, server: HostServer) -> None:
        self._server = server

    def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection
        self._server.connections.add(connection)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        if username == self._server.user:  # nobody else has a key, so nobody else gets in
            self._connection.set_authorized_keys(self._server.authorized)
        return True


class Control:
    """Takes orders from lab commands over a loopback port: one JSON line each way."""

    def __init__(self, servers: dict[str, HostServer], token: str) -> None:
        self._servers, self._token = servers, token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry out one order."""
        try:
            order = json.loads(await asyncio.wait_for(reader.readline(), 10))
            if not hmac.compare_digest(str(order.get("token", "")), self._token):
                answer: dict[str, Any] = {"error": "wrong token"}
            else:
                answer = await self._obey(order)
        except (ValueError, KeyError, OSError, asyncssh.Error, TimeoutError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    async def _obey(self, order: dict[str, Any]) -> dict[str, Any]:
        if order["action"] == "modes":
            return {"modes": {name: server.mode for name, server in self._servers.items()}}
        server = self._servers[order["host"]]
        if order["action"] == "key":
            await server.use_key(Path(order["value"]))
        else:
            await server.switch(order["value"])
        return {"ok": True}


async def serve(state: LabState) -> None:
    """Serve all hosts of the lab until TERM."""
    record = state.read()
    authorized = record.settings["authorized_keys"]
    servers = {
        name: HostServer(open_host(state, name, each.http.port), each.ssh.port, record.ssh_user, authorized)
        for name, each in record.hosts.items()
    }
    for server in servers.values():
        await server.switch("up")
    control = Control(servers, record.settings["control_token"])
    await asyncio.start_server(control.serve, "127.0.0.1", int(record.settings["control_port"]))
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    log.warning("%d hosts answer", len(servers))
    await ending.wait()
    for server in servers.values():
        await server.switch("off")


def _transport(connection: asyncssh.SSHServerConnection) -> asyncio.Transport:
    # asyncssh has no public way to stop reading, which is what a host that hangs does
    return connection._transport  # type: ignore[return-value]


def main() -> None:
    """Entry of the server's process."""
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else max(soft, 65536), hard))
    if sys.version_info < (3, 12) and hasattr(os, "pidfd_open"):
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())  # no thread for each command
    asyncio.run(serve(LabState(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
