"""Waits in the triggerer until a package that qualifies is in the index."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from takeoff.triggers.settling import settle


class NewPackageTrigger(BaseTrigger):
    """Fires once: with a word on what it found, or with nothing when the time is over; the task then looks itself.

    Each look costs the sources one small request while nothing changes, and the blessed node one command on a
    connection that is kept.

    Args:
        environment: name of the environment, whose file says where packages come from and how often to look.
        run: ``<dag id>/<run id>`` of the run that waits.
        until: POSIX time at which waiting ends.
    """

    def __init__(self, *, environment: str, run: str, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.environment = environment
        self.run_name = run
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Say how another triggerer goes on with it."""
        values = {"environment": self.environment, "run": self.run_name, "until": self.until}
        return f"{__name__}.{type(self).__qualname__}", values

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something, or the time is over."""
        from takeoff.core.errors import TakeoffError
        from takeoff.engine.new_package import Wanted, choose_package
        from takeoff.engine.session import open_session
        from takeoff.environment_files import load_environment
        from takeoff.operators.awaited_credentials import AwaitedCredentials
        from takeoff.operators.log_progress import LogProgress

        await settle()
        # A triggerer logs what libraries say too: some lines for each command on a host, every few seconds.
        logging.getLogger("asyncssh").setLevel(logging.WARNING)
        seen = ""
        try:
            loaded = load_environment(self.environment)
            credentials = await AwaitedCredentials.of(loaded.environment)
            poll_s = loaded.environment.package.index_poll.total_seconds()
            async with open_session(loaded, credentials, LogProgress(self.log)) as session:
                while not seen and time.time() + poll_s < self.until:
                    await asyncio.sleep(poll_s)
                    try:
                        found = await choose_package(session, Wanted(self.run_name, automatic=True))
                        seen = found.version or found.reason
                    except TakeoffError as error:
                        # It may pass while there is time; the task tells what stays.
                        self.log.warning("No answer in this look: %s", error)
        except TakeoffError as error:
            seen = str(error)
        yield TriggerEvent(seen)  # type: ignore[no-untyped-call]
