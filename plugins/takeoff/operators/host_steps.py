"""What each host has come to while a task runs: told in the task's log, and kept for the fleet page."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from takeoff.core.fleet_progress import HostStep

if TYPE_CHECKING:
    from takeoff.fleet.protocols import Progress


class HostSteps:
    """The engine's :class:`~takeoff.fleet.protocols.Progress` inside a task.

    Args:
        told: where each step is told too.

    Attributes:
        steps: host → its last step.
        changes: how many steps were told so far.
    """

    def __init__(self, told: Progress) -> None:
        self.steps: dict[str, HostStep] = {}
        self.changes = 0
        self._told = told

    def host(self, host: str, step: str, detail: str = "") -> None:
        """Tell that a host has come to a step; the same step again changes its detail only."""
        before = self.steps.get(host)
        if before is not None and before.step == step:
            self.steps[host] = before._replace(detail=detail)
        else:
            after = before.step if before is not None else ""
            self.steps[host] = HostStep(step, detail, datetime.now(UTC), after)
        self.changes += 1
        self._told.host(host, step, detail)

    def line(self, text: str) -> None:
        """Tell anything else."""
        self._told.line(text)
