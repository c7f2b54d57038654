"""Servers of a backend: who may take a request, and the health checks that decide it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lab.standins.haproxy.configuration import BackendConfiguration, ServerConfiguration

FORCED_MAINTENANCE, FORCED_DRAIN = 0x01, 0x08
"""Bits of ``srv_admin_state`` in `show servers state` (management.txt 9.3)."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Server:
    """One server's state.

    Attributes:
        admin: ``ready``, ``drain`` or ``maint``.
        health: 0 is down; ``rise + fall - 1`` is fully up; it is up from ``rise`` on, as HAProxy counts.
        check_status: ``INI``, ``L7OK``, ``L7STS``, ``L7TOUT``, ``L4CON`` or ``L4TOUT``.
    """

    settings: ServerConfiguration
    backend: BackendConfiguration
    number: int
    admin: str = "ready"
    health: int = 0
    check_status: str = "INI"
    check_code: int = 0
    changed: float = field(default_factory=time.monotonic)
    current: int = 0
    total: int = 0
    failed_checks: int = 0
    went_down: int = 0
    responses: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(1, 6), 0))
    idle: list[Stream] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.health = self.backend.rise  # up, one failure away from going down: HAProxy's start
        self._was_up = True

    @property
    def up(self) -> bool:
        """Whether the checks hold the server for healthy."""
        return self.health >= self.backend.rise

    @property
    def changing(self) -> bool:
        """Whether the last check said something else than those before, so that the next one decides."""
        return 0 < self.health < self._full

    @property
    def usable(self) -> bool:
        """Whether new requests may go to it."""
        return self.admin == "ready" and self.up

    @property
    def status(self) -> str:
        """The word of `show stat`."""
        if self.admin == "maint":
            return "MAINT"
        if self.up:
            word = "DRAIN" if self.admin == "drain" else "UP"
            if self.health < self._full:
                return f"{word} {self.health - self.backend.rise + 1}/{self.backend.fall}"
            return word
        return f"DOWN {self.health}/{self.backend.rise}" if self.health else "DOWN"

    @property
    def _full(self) -> int:
        """The health of a server that is fully up."""
        return self.backend.rise + self.backend.fall - 1

    def set_admin(self, state: str) -> None:
        """Obey the runtime API. Leaving maintenance makes the server count as up until a check says otherwise."""
        if state == self.admin:
            return
        if self.admin == "maint":
            self.health, self.check_status, self._was_up = self.backend.rise, "INI", True
        self.admin, self.changed = state, time.monotonic()
        if state != "ready":
            self.drop_idle()

    def drop_idle(self) -> None:
        """Close connections that wait for a next request."""
        for _, writer in self.idle:
            writer.close()
        self.idle.clear()

    @contextmanager
    def session(self) -> Iterator[None]:
        """Count one request as current for as long as the body lasts."""
        self.current += 1
        self.total += 1
        try:
            yield
        finally:
            self.current -= 1

    def judge(self, status: str, code: int) -> None:
        """Take in the result of one health check."""
        self.check_status, self.check_code = status, code
        rise, full = self.backend.rise, self._full
        if status == "L7OK":
            self.health = min(self.health + 1, full) if self.health + 1 < rise else full
        else:
            self.failed_checks += 1
            self.health = self.health - 1 if self.health > rise else 0
        if self.up != self._was_up:
            self._was_up, self.changed = self.up, time.monotonic()
            self.went_down += not self.up
            if not self.up:
                self.drop_idle()


class Backend:
    """A backend's servers, chosen by least connections."""

    def __init__(self, settings: BackendConfiguration, number: int) -> None:
        self.settings, self.number = settings, number
        self.servers = {each.name: Server(each, settings, index) for index, each in enumerate(settings.servers, 1)}
        self.refused = 0
        self._turn = 0

    def choose(self) -> Server | None:
        """The usable server with the fewest requests; ties go round. None when there is no usable one."""
        usable = [server for server in self.servers.values() if server.usable]
        if not usable:
            return None
        self._turn += 1
        shifted = usable[self._turn % len(usable) :] + usable[: self._turn % len(usable)]
        return min(shifted, key=lambda server: server.current)

    async def check_for_ever(self) -> None:
        """Check every server at the interval, spread over it."""
        servers = list(self.servers.values())
        await asyncio.gather(
            *(self._check_one(server, self.settings.interval * i / len(servers)) for i, server in enumerate(servers))
        )

    async def _check_one(self, server: Server, delay: float) -> None:
        await asyncio.sleep(delay)
        while True:
            if server.admin != "maint":
                server.judge(*await self._probe(server))
            fast = self.settings.fast_interval if server.changing else None
            await asyncio.sleep(self.settings.interval if fast is None else fast)

    async def _probe(self, server: Server) -> tuple[str, int]:
        status = "L4TOUT"
        try:
            async with asyncio.timeout(self.settings.interval):
                reader, writer = await asyncio.open_connection(server.settings.address, server.settings.port)
                try:
                    status = "L7TOUT"
                    writer.write(f"GET {self.settings.check_path} HTTP/1.0\r\n\r\n".encode())
                    line = await reader.readline()
                finally:
                    writer.close()
            code = int(line.split()[1])
            return ("L7OK" if code == 200 else "L7STS"), code
        except TimeoutError:
            return status, 0
        except OSError:
            return "L4CON", 0
        except (ValueError, IndexError):
            return "L7RSP", 0
