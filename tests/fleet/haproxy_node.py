"""A real HAProxy on a host that is a folder, with small web servers of its own behind it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from pathlib import Path

from takeoff.core.balancer_status import SHOW_SERVERS

CONFIGURATION = """\
global
    stats socket unix@admin.sock mode 600 level admin
    stats socket ipv4@127.0.0.1:{tcp} level admin
    stats timeout 30s
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
frontend users
    bind 127.0.0.1:{users}
    default_backend web
backend web
    option httpchk GET /
    http-check expect status 200
    default-server inter 100ms fall 1 rise 1
    server web-01 127.0.0.1:{ports[0]} check
    server web-02 127.0.0.1:{ports[1]} check
backend unchecked
    server web-01 127.0.0.1:{ports[0]}
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class WebServer:
    """Answers 200 or, when it is sick, 503; ``/slow`` is answered once it is released."""

    def __init__(self) -> None:
        self.port = free_port()
        self.sick = False
        self.release = asyncio.Event()
        self.waiting = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def stop(self) -> None:
        self.release.set()
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            if b" /slow " in request:
                self.waiting.set()
                await self.release.wait()
            status = b"503 Service Unavailable" if self.sick else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class HaproxyNode:
    """HAProxy in the foreground, reloaded as systemd would reload it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = [WebServer(), WebServer()]
        self.users = free_port()
        self.tcp = free_port()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        assert program
        for server in self.servers:
            await server.start()
        self.folder.mkdir(parents=True)
        ports = [server.port for server in self.servers]
        text = CONFIGURATION.format(users=self.users, tcp=self.tcp, ports=ports)
        (self.folder / "haproxy.cfg").write_text(text)
        with (self.folder / "errors").open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                program, "-W", "-db", "-C", self.folder, "-f", "haproxy.cfg", stderr=errors
            )
        await self.until_answering()

    async def until_answering(self) -> None:
        """Wait for the runtime socket."""
        async with asyncio.timeout(10):
            while b"web-01" not in await self._ask():
                assert self._process is not None
                assert self._process.returncode is None, (self.folder / "errors").read_text()
                await asyncio.sleep(0.02)

    async def reload(self) -> None:
        """Start new workers from the configuration: what was set at run time is gone."""
        assert self._process is not None
        before = await self._ask(b"show info")
        self._process.send_signal(signal.SIGUSR2)
        async with asyncio.timeout(10):
            while _pid(after := await self._ask(b"show info")) in (b"", _pid(before)):
                assert after is not None
                await asyncio.sleep(0.02)

    async def slow_request(self) -> asyncio.Task[bytes]:
        """Begin a request that stays open until its server is released."""

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.users)
            writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await reader.readuntil(b"\r\n")
            writer.close()
            return answer

        task = asyncio.create_task(ask())
        async with asyncio.timeout(10):
            waits = [asyncio.create_task(server.waiting.wait()) for server in self.servers]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
        return task

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()
        for server in self.servers:
            await server.stop()

    async def _ask(self, command: bytes = SHOW_SERVERS.encode()) -> bytes:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.tcp)
        except OSError:
            return b""
        writer.write(command + b"\n")
        answer = await reader.read()
        writer.close()
        return answer


def _pid(info: bytes) -> bytes:
    return next((line for line in info.splitlines() if line.startswith(b"Pid:")), b"")
