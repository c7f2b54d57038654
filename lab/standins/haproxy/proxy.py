"""The HTTP side: each request of a client goes to the server with the least to do. Nothing is retried."""

from __future__ import annotations

import asyncio

from lab.standins.haproxy.backend import Backend, Server, Stream
from lab.standins.haproxy.configuration import Configuration

CHUNK = 65536

_ERRORS = {
    400: ("Bad request", "Your browser sent an invalid request."),
    502: ("Bad Gateway", "The server returned an invalid or incomplete response."),
    503: ("Service Unavailable", "No server is available to handle this request."),
    504: ("Gateway Time-out", "The server didn't respond in time."),
}


class ServerFailed(Exception):
    """The server could not be reached or broke off; the client gets this status.

    Attributes:
        begun: part of an answer went out already, so that only closing the connection is left.
    """

    def __init__(self, status: int, *, begun: bool = False) -> None:
        self.status, self.begun = status, begun
        super().__init__(status)


class Proxy:
    """One frontend."""

    def __init__(self, backend: Backend, configuration: Configuration) -> None:
        self._backend = backend
        self._connect_timeout = configuration.timeouts.get("connect", 5.0)
        self._client_timeout = configuration.timeouts.get("client", 30.0)
        self._server_timeout = configuration.timeouts.get("server", 30.0)
        self.current = self.total = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client connection until either side ends it."""
        self.current += 1
        try:
            while True:
                async with asyncio.timeout(self._client_timeout):
                    head = await reader.readuntil(b"\r\n\r\n")
                    body = await reader.readexactly(_length(head))
                self.total += 1
                if not await self._forward(head, body, writer):
                    return
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError):
            pass  # the client left, or sent what is no request
        finally:
            self.current -= 1
            writer.close()

    async def _forward(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection may be used on."""
        server = self._backend.choose()
        if server is None:
            self._backend.refused += 1
            writer.write(_error(503))
            await writer.drain()
            return False
        with server.session():
            try:
                return await self._exchange(server, head, body, writer)
            except ServerFailed as failure:
                server.responses[5] += 1
                if not failure.begun:
                    writer.write(_error(failure.status))
                    await writer.drain()
                return False

    async def _exchange(self, server: Server, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> bool:
        stream = await self._connection(server)
        begun = reusable = False
        try:
            stream[1].write(head + body)
            async with asyncio.timeout(self._server_timeout):
                answer = await stream[0].readuntil(b"\r\n\r\n")
            code = int(answer.split(b" ", 2)[1])
            server.responses[code // 100] += 1
            begun = True
            writer.write(answer)
            left = 0 if head.startswith(b"HEAD ") or code in (204, 304) else _length(answer)
            while left:
                piece = await stream[0].read(min(left, CHUNK))
                if not piece:
                    raise ServerFailed(502, begun=True)
                writer.write(piece)
                left -= len(piece)
            await writer.drain()
            reusable = b"connection: close" not in answer.lower()
            return reusable and b"connection: close" not in head.lower()
        except TimeoutError:
            raise ServerFailed(504, begun=begun) from None
        except (OSError, asyncio.IncompleteReadError, ValueError, IndexError):
            raise ServerFailed(502, begun=begun) from None
        finally:
            if reusable and server.usable:
                server.idle.append(stream)
            else:
                stream[1].close()

    async def _connection(self, server: Server) -> Stream:
        while server.idle:
            reader, writer = server.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        try:
            async with asyncio.timeout(self._connect_timeout):
                return await asyncio.open_connection(server.settings.address, server.settings.port)
        except (OSError, TimeoutError):
            raise ServerFailed(503) from None


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _error(status: int) -> bytes:
    reason, text = _ERRORS[status]
    body = f"<html><body><h1>{status} {reason}</h1>\n{text}\n</body></html>\n"
    return (
        f"HTTP/1.1 {status} {reason}\r\ncontent-length: {len(body)}\r\ncache-control: no-cache\r\n"
        f"content-type: text/html\r\nconnection: close\r\n\r\n{body}"
    ).encode()
