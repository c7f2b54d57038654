"""What became of each host: nothing is left out, and everything has a reason."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from takeoff.core.operation import Stored


class Result(StrEnum):
    """What became of one host."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    NOT_REACHED = "not reached"


class HostOutcome(Stored):
    """One host's part of a rollout.

    Attributes:
        host: its name.
        result: what became of it.
        reason: why; for a changed one, from which version to which.
        seconds: how long it took.
        step: the step at which it ended, if it did not end well.
        slow: it took longer than the environment allows.
    """

    host: str
    result: Result
    reason: str
    seconds: float = 0.0
    step: str = ""
    slow: bool = False


class RolloutReport(Stored):
    """One rollout (or warmup): every host once, in the order in which hosts were to move."""

    hosts: tuple[HostOutcome, ...]

    def of(self, *results: Result) -> tuple[HostOutcome, ...]:
        """Pick the hosts with one of these results."""
        return tuple(outcome for outcome in self.hosts if outcome.result in results)

    @property
    def good(self) -> bool:
        """Whether every host is where it should be."""
        return not self.of(Result.FAILED, Result.UNREACHABLE, Result.NOT_REACHED)

    @property
    def summary(self) -> str:
        """Count the hosts by result: ``3 changed, 1 failed (web-02), 2 not reached``."""
        return summarise(self.hosts)


def summarise(outcomes: Iterable[HostOutcome]) -> str:
    """Count outcomes by result and name the hosts of the bad ones; ``no hosts`` if there are none."""
    by_result: dict[Result, list[str]] = {}
    slow: list[str] = []
    for outcome in outcomes:
        slow += [outcome.host] if outcome.slow else []
        by_result.setdefault(outcome.result, []).append(outcome.host)
    parts = []
    for result in Result:
        if hosts := by_result.get(result):
            named = f" ({', '.join(hosts)})" if result in (Result.FAILED, Result.UNREACHABLE) else ""
            parts.append(f"{len(hosts)} {result.value}{named}")
    if slow:
        parts.append(f"{len(slow)} slow ({', '.join(slow)})")
    return ", ".join(parts) or "no hosts"
