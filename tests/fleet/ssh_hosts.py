"""Real SSH servers on loopback: one for each host, with its own key, running a real shell in the host's folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh


@dataclass
class SshHost:
    """One host's server.

    Attributes:
        name: of the host.
        root: its folder, TAKEOFF_HOST_ROOT of every command.
        key: its host key.
        port: where it listens.
        connections: those that are open.
        logins: how many logins there have been.
        running_commands: how many commands run now.
        commands: how many commands were begun.
        input_bytes: what all of them were sent.
        most_commands: how many commands have run at the same time, over all connections.
        hang: commands are taken, and never answered.
    """

    name: str
    root: Path
    key: asyncssh.SSHKey
    port: int = 0
    connections: set[asyncssh.SSHServerConnection] = field(default_factory=set)
    logins: int = 0
    commands: int = 0
    input_bytes: int = 0
    most_commands: int = 0
    hang: bool = False
    acceptor: asyncssh.SSHAcceptor | None = None
    running_commands: int = 0

    def cut(self) -> None:
        """Break every connection, as a network does."""
        for connection in list(self.connections):
            connection.abort()

    async def serve(self, process: asyncssh.SSHServerProcess[bytes], variables: Mapping[str, str]) -> None:
        """Run one command."""
        self.commands += 1
        self.running_commands += 1
        self.most_commands = max(self.most_commands, self.running_commands)
        try:
            if self.hang:
                await process.wait_closed()
                return
            await self._run(process, variables)
        finally:
            self.running_commands -= 1

    async def _run(self, process: asyncssh.SSHServerProcess[bytes], variables: Mapping[str, str]) -> None:
        shell = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            process.command or "exit 64",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **variables, "TAKEOFF_HOST_ROOT": str(self.root)},
            cwd=self.root,
            start_new_session=True,
        )
        pumps = [
            asyncio.create_task(self._feed(process, shell)),
            asyncio.create_task(_pump(shell.stdout, process.stdout)),
            asyncio.create_task(_pump(shell.stderr, process.stderr)),
        ]
        try:
            closed = asyncio.create_task(process.wait_closed())
            ended = asyncio.create_task(shell.wait())
            await asyncio.wait([closed, ended], return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await asyncio.gather(*pumps[1:])
                if shell.returncode is not None and shell.returncode < 0:
                    process.exit_with_signal(signal.Signals(-shell.returncode).name.removeprefix("SIG"))
                else:
                    process.exit(shell.returncode or 0)
        finally:
            for task in (closed, ended, *pumps):
                task.cancel()
            if shell.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(shell.pid, signal.SIGKILL)
                await shell.wait()
            await asyncio.gather(closed, ended, *pumps, return_exceptions=True)

    async def _feed(self, process: asyncssh.SSHServerProcess[bytes], shell: asyncio.subprocess.Process) -> None:
        assert shell.stdin is not None
        with contextlib.suppress(OSError, asyncssh.Error):
            while data := await process.stdin.read(65536):
                self.input_bytes += len(data)
                shell.stdin.write(data)
                await shell.stdin.drain()
        shell.stdin.close()


async def _pump(source: asyncio.StreamReader | None, target: asyncssh.SSHWriter[bytes]) -> None:
    assert source is not None
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()


class SshHosts:
    """The servers of a test.

    Use it as ``async with SshHosts(tmp_path, ["web-01"]) as servers``.

    Attributes:
        key_file: the private key that every host lets in.
        known_hosts: file with every host's key, by ``[127.0.0.1]:port``.
    """

    def __init__(self, folder: Path, names: list[str], *, variables: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.key_file = folder / "login_key"
        self.known_hosts = folder / "known_hosts"
        self.login = asyncssh.generate_private_key("ssh-ed25519")
        self.hosts = {
            name: SshHost(name, folder / name, asyncssh.generate_private_key("ssh-ed25519")) for name in names
        }
        self._variables = dict(variables or {})

    async def __aenter__(self) -> SshHosts:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.login.write_private_key(str(self.key_file))
        for host in self.hosts.values():
            host.root.mkdir()
            await self.start(host.name)
        self.write_known_hosts(lambda host: f"[127.0.0.1]:{host.port}")
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in self.hosts:
            await self.stop(name)

    def write_known_hosts(self, pattern: Callable[[SshHost], str]) -> None:
        """Write the file anew, each host called as ``pattern`` says."""
        lines = [f"{pattern(host)} {host.key.export_public_key().decode().strip()}\n" for host in self.hosts.values()]
        self.known_hosts.write_text("".join(lines))

    async def start(self, name: str, **options: object) -> None:
        """Listen on the host's port, which stays the same once it is chosen."""
        host = self.hosts[name]
        allowed = asyncssh.import_authorized_keys(self.login.export_public_key().decode())

        class Server(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                self.connection = conn
                host.connections.add(conn)

            def connection_lost(self, exc: Exception | None) -> None:
                host.connections.discard(self.connection)

            def auth_completed(self) -> None:
                host.logins += 1

            def connection_requested(self, dest_host: str, dest_port: int, *_: object) -> bool:
                return True

        async def serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
            await host.serve(process, self._variables)

        settings = {"authorized_client_keys": allowed, "server_host_keys": [host.key], **options}
        host.acceptor = await asyncssh.listen(
            "127.0.0.1", host.port, server_factory=Server, process_factory=serve, encoding=None, **settings
        )
        host.port = host.acceptor.get_port()

    async def stop(self, name: str) -> None:
        """Stop listening and break what is open."""
        host = self.hosts[name]
        if host.acceptor is not None:
            host.acceptor.close()
            open_ones = list(host.connections)
            host.cut()
            await asyncio.gather(*(connection.wait_closed() for connection in open_ones))
            await host.acceptor.wait_closed()
            async with asyncio.timeout(10):
                while host.running_commands:
                    await asyncio.sleep(0.01)
            host.acceptor = None
