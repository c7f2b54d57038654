"""What a task gives back to whoever ran it."""

from __future__ import annotations

from typing import Any

from takeoff.core.operation import Stored
from takeoff.core.reports import RolloutReport


class TaskResult(Stored):
    """What a task did.

    Attributes:
        summary: one line for the operator.
        report: what became of each host, for tasks that go over hosts.
        facts: what later readers need: ``{"pending": [...]}`` after migrations.
        operation: id of the operation, from a task that opens one of its own; empty if it opened none.
        journalled: its end is in the journal already, because it closed the operation in the same step.
    """

    summary: str
    report: RolloutReport | None = None
    facts: dict[str, Any] = {}
    operation: str = ""
    journalled: bool = False
