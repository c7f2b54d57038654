"""Progress as lines of the task's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.types import Logger


class LogProgress:
    """The engine's :class:`~takeoff.fleet.protocols.Progress` inside a task."""

    def __init__(self, log: Logger) -> None:
        self._log = log

    def host(self, host: str, step: str, detail: str = "") -> None:
        """Tell that a host has come to a step."""
        self._log.info("%s: %s%s", host, step, f" ({detail})" if detail else "")

    def line(self, text: str) -> None:
        """Tell anything else."""
        self._log.info("%s", text)
