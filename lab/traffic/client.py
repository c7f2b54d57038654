"""HTTP/1.1 with keep-alive for one kind of user: a request is sent once, on an idle connection or a new one."""

from __future__ import annotations

import asyncio

from lab.state import Endpoint

IDLE_SECONDS = 20
"""A connection that waited longer is closed: well before the balancer would, whose close could cross a request."""

TIMEOUT_SECONDS = 20


class RequestFailed(Exception):
    """The user got no answer, or a wrong one; the text is the cause in a word or two."""


class Connection(asyncio.Protocol):
    """One connection; at most one request is under way."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self._buffer, self._length = pool, bytearray(), -1
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        """End the request under way, or leave the pool."""
        self._pool.forget(self)
        if self._answer and not self._answer.done():
            self._answer.set_exception(RequestFailed("connection cut"))

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; the future holds status and body."""
        assert self._transport is not None
        self._buffer.clear()
        self._length = -1
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Collect the answer; it ends with the announced length."""
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._length = end + 4 + _content_length(bytes(self._buffer[:end]))
        if len(self._buffer) >= self._length and self._answer and not self._answer.done():
            head, _, body = bytes(self._buffer[: self._length]).partition(b"\r\n\r\n")
            if b"connection: close" in head.lower():
                self.close()
            else:
                self._pool.give_back(self)
            self._answer.set_result((int(head[9:12]), body))


class Pool:
    """Connections to one place; the one that was used last is used next, so that surplus ones grow old and go."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._idle: list[Connection] = []

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send one request, once.

        Raises:
            RequestFailed: no connection, none in time, or it broke before the whole answer.
        """
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    return await connection.send(request)
                except asyncio.CancelledError:
                    connection.close()
                    raise
        except TimeoutError:
            raise RequestFailed("no answer in time") from None
        except OSError:
            raise RequestFailed("no connection") from None

    def give_back(self, connection: Connection) -> None:
        """Take a connection for the next request, and close those that waited too long."""
        now = asyncio.get_running_loop().time()
        connection.idle_since = now
        self._idle.append(connection)
        while now - self._idle[0].idle_since > IDLE_SECONDS:
            self._idle.pop(0).close()

    def forget(self, connection: Connection) -> None:
        """Leave out a connection that the other side closed."""
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close all idle connections."""
        for connection in tuple(self._idle):
            connection.close()
        self._idle.clear()

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self), self._endpoint.address, self._endpoint.port
        )
        return connection


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return 0
