"""Watches migrations in the triggerer, for hours if they take as long: their log goes on in the task's."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from takeoff.triggers.settling import settle


class MigrationsTrigger(BaseTrigger):
    """Fires once: when the host job has ended or its time is over; the task then looks itself and judges.

    Args:
        environment: name of the environment.
        operation: id of the operation that began the job.
        host: where it runs.
        step: what is done there.
        attempt: number of the attempt.
        offset: bytes of its log that the task has told.
        until: POSIX time at which the job's time is over.
    """

    def __init__(
        self, *, environment: str, operation: str, host: str, step: str, attempt: int, offset: int, until: float
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.environment = environment
        self.operation = operation
        self.host = host
        self.step = step
        self.attempt = attempt
        self.offset = offset
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Say how another triggerer goes on with it."""
        names = ("environment", "operation", "host", "step", "attempt", "offset", "until")
        return f"{__name__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch."""
        from takeoff.core.errors import TakeoffError
        from takeoff.engine.session import open_session
        from takeoff.environment_files import load_environment
        from takeoff.fleet.host_jobs import JobPlace
        from takeoff.fleet.migrations import follow_migrations
        from takeoff.operators.awaited_credentials import AwaitedCredentials
        from takeoff.operators.log_progress import LogProgress

        await settle()
        logging.getLogger("asyncssh").setLevel(logging.WARNING)
        place = JobPlace(self.operation, self.host, self.step, self.attempt, self.offset)
        try:
            loaded = load_environment(self.environment)
            credentials = await AwaitedCredentials.of(loaded.environment)
            async with open_session(loaded, credentials, LogProgress(self.log)) as session:
                await follow_migrations(session.fleet, place, until_s=self.until - time.time())
        except TakeoffError as error:
            # The task meets the same when it looks, and tells it.
            self.log.warning("Watching the migrations on %s ends: %s", self.host, error)
        yield TriggerEvent(None)  # type: ignore[no-untyped-call]
