"""Tells how far migrations have come: their log as it grows, which one runs, and for how long when it is silent."""

from __future__ import annotations

from takeoff.core.migration_log import migration_step
from takeoff.fleet.protocols import Clock, Progress

SILENCE_S = 60.0
"""Seconds without news after which the operator is told what still runs."""


class MigrationProgress:
    """One run of migrations, for whoever watches it.

    Args:
        host: where they run.
        describe: the command.
        progress: where an operator watches.
        clock: time.
    """

    def __init__(self, host: str, describe: str, progress: Progress, clock: Clock) -> None:
        self._host = host
        self._progress = progress
        self._clock = clock
        self._running = describe
        self._since = self._told = clock.monotonic()

    def line(self, text: str) -> None:
        """Take the next line of the log."""
        now = self._clock.monotonic()
        self._told = now
        self._progress.line(f"{self._host}: {text}")
        if (step := migration_step(text)) is None:
            return
        if step.over:
            self._progress.host(self._host, "migrated", f"{step.name}{f', {step.seconds} s' if step.seconds else ''}")
        else:
            self._running, self._since = step.name, now
            self._progress.host(self._host, "migrating", step.name)

    def silent(self) -> None:
        """Take that there is nothing new; once a minute the operator hears what that silence is."""
        now = self._clock.monotonic()
        if now - self._told >= SILENCE_S:
            self._told = now
            self._progress.line(f"{self._host}: {self._running} still runs, {_minutes(now - self._since)} by now")


def _minutes(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
