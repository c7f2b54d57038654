"""A driver's process in the simulation: it can be killed and frozen between any two of its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, cast

from takeoff.core.errors import TakeoffError
from takeoff.engine.credentials import Credentials
from takeoff.engine.session import Session
from takeoff.fleet.host_script import HOST_SCRIPT, HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.lease import JournalLeases
from takeoff.fleet.protocols import Completed
from tests.fleet.virtual_time import VirtualClock
from tests.simulation.known import STALE_S, Known
from tests.simulation.world import World

HEARTBEAT_S = 15.0
"""A process that is frozen for longer is taken for dead, and its task is tried again while it is still there."""


class Silent:
    """Nobody looks on."""

    def host(self, host: str, step: str, detail: str = "") -> None:
        """Nothing."""

    def line(self, text: str) -> None:
        """Nothing."""


class Process:
    """One try of a task: Transport, Clock and Progress of the production code that runs in it.

    Attributes:
        stalled: done when its heartbeat is missed.
    """

    def __init__(self, world: World, name: str, on_call: Callable[[Process, str], None]) -> None:
        self.name = name
        self.stalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._world = world
        self._on_call = on_call
        self._alive = True
        self._awake = asyncio.Event()
        self._awake.set()
        self._frozen_at = self._frozen_s = 0.0
        self._looks: dict[str, tuple[float, float]] = {}
        self._clock = VirtualClock()
        self._task: asyncio.Task[Any] | None = None

    def session(self) -> Session:
        script = HostScript(self, self._world.environment)
        journal = HostJournal(script, self)
        return Session(
            environment=self._world.environment,
            environment_sha256="0" * 64,
            transport=self,
            clock=self,
            journal=journal,
            leases=JournalLeases(journal, self),
            progress=Silent(),
            credentials=cast(Credentials, None),
        )

    async def carry_out(self, work: Callable[[Session], Awaitable[Any]]) -> str | BaseException:
        """Run it until it ends or its heartbeat is missed: ``done``, ``killed``, ``stalled``, or its error."""
        self._task = asyncio.ensure_future(work(self.session()))
        await asyncio.wait({self._task, self.stalled}, return_when=asyncio.FIRST_COMPLETED)
        if not self._task.done():
            self._task.add_done_callback(self._check)
            return "stalled"
        if self._task.cancelled():
            return "killed"
        error = self._task.exception()
        return "done" if error is None else error

    def _check(self, task: asyncio.Task[Any]) -> None:
        """Look how a process ended that nobody waits for any more."""
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, TakeoffError):
            self._world.observer.breach(5, f"{self.name} ended with {error!r}")

    # Faults

    def kill(self) -> None:
        if self._alive and self._task is not None and not self._task.done():
            self._world.tell(f"FAULT: {self.name} is killed")
            self._alive = False
            self._awake.set()
            self._task.cancel()

    def freeze(self, seconds: float) -> None:
        if self._alive and self._awake.is_set() and self._task is not None and not self._task.done():
            self._world.tell(f"FAULT: {self.name} is frozen for {seconds:.1f} s")
            self._awake.clear()
            self._frozen_at = self.monotonic()
            loop = asyncio.get_running_loop()
            loop.call_later(seconds, self._wake)
            if seconds > HEARTBEAT_S:
                loop.call_later(HEARTBEAT_S, self._miss)

    def _wake(self) -> None:
        self._world.tell(f"{self.name} wakes up")
        self._frozen_s += self.monotonic() - self._frozen_at
        self._awake.set()

    def _miss(self) -> None:
        if not self.stalled.done():
            self.stalled.set_result(None)

    async def _go_on(self) -> None:
        await self._awake.wait()
        if not self._alive:
            raise asyncio.CancelledError

    # Transport

    async def run(
        self, host: str, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", timeout_s: float = 60.0
    ) -> Completed:
        await self._go_on()
        self._on_call(self, host)
        await self._go_on()
        sent, awake_s = self.monotonic(), self.monotonic() - self._frozen_s
        known = {name: at for name, (at, then_s) in self._looks.items() if awake_s - then_s <= STALE_S}
        try:
            # The world answers or fails long before any call's own time is over.
            done = await self._world.call(host, script, arguments, stdin, Known(known))
        finally:
            await self._go_on()
        if not arguments or arguments[0] == "balancer-show" or script is not HOST_SCRIPT:
            self._looks[host] = (sent, awake_s)
        return done

    async def aclose(self) -> None:
        """Nothing is kept open."""

    # Clock

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._go_on()
        await self._clock.sleep(seconds)
        await self._go_on()
