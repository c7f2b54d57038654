"""Attempts of a host job on a simulated host, and when another one begins: as ``jobs.sh`` has it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Attempt:
    """One attempt of a host job.

    Attributes:
        arguments: those of the host that it runs with.
        reported: whether its end was told to somebody who may begin another.
        task: what plays its work.
    """

    arguments: tuple[str, ...]
    state: str = "running"
    exit_status: int = 0
    log: bytes = b""
    reported: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def exit_code(self) -> str:
        """Its exit status as an answer has it: empty without one."""
        return "" if self.state in ("running", "lost") else str(self.exit_status)

    def end(self, state: str, exit_status: int, said: str = "") -> None:
        self.state, self.exit_status = state, exit_status
        self.log += said.encode()
        self.ended.set()
        if self.task is not None and self.task is not asyncio.current_task():
            self.task.cancel()

    async def wait(self, seconds: float) -> None:
        """Wait so long for its end."""
        if self.state == "running":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.ended.wait()


def begins_another(attempts: Sequence[Attempt], wanted: int) -> bool:
    """Whether a job begins an attempt.

    Args:
        attempts: those it had.
        wanted: number of the attempt that is asked for; 0 for another one once a failure was reported.
    """
    if not attempts:
        return True
    newest = attempts[-1]
    ended_badly = newest.state in ("lost", "killed") or newest.exit_status != 0
    may = len(attempts) < wanted if wanted else newest.reported
    return newest.state != "running" and ended_badly and may
