"""Runs the work of a command that nobody needs to stop, in a session of its environment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from takeoff.engine.session import Session

Found = TypeVar("Found")


class Silence:
    """A :class:`~takeoff.fleet.protocols.Progress` for commands that only look."""

    def host(self, host: str, step: str, detail: str = "") -> None:
        """Say nothing."""

    def line(self, text: str) -> None:
        """Say nothing."""


def run_in_session(env: str, work: Callable[[Session], Awaitable[Found]]) -> Found:
    """Open a session, do the work, close every connection.

    Args:
        env: as a person typed it.
        work: gets the session.

    Raises:
        TakeoffError: whatever the work raises.
    """
    from takeoff.engine.session import open_session
    from takeoff.engine.shell_credentials import ShellCredentials
    from takeoff.environment_files import load_environment

    async def main() -> Found:
        async with open_session(load_environment(env), ShellCredentials(), Silence()) as session:
            return await work(session)

    return asyncio.run(main())
