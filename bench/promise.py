"""What was promised, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Promise:
    """One line of a result.

    Attributes:
        what: what was measured.
        measured: how much it was.
        bound: the most, or with ``at_least`` the least, that it may be.
        unit: of both.
        at_least: whether more is better.
    """

    what: str
    measured: float
    bound: float
    unit: str
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether it holds, as it is printed: the medians of few rounds have no third decimal."""
        measured = round(self.measured, 2)
        return measured >= self.bound if self.at_least else measured <= self.bound

    def __str__(self) -> str:
        """One line of a table."""
        word, wrong = ("at least", "TOO LITTLE") if self.at_least else ("at most", "TOO MUCH")
        verdict = "ok" if self.kept else wrong
        return f"{self.what:<58} {self.measured:>9.2f} {self.unit:<5} ({word} {self.bound:g})  {verdict}"


def judge(promises: Iterable[Promise]) -> int:
    """Print them all; 1 if one is broken."""
    listed = list(promises)
    for promise in listed:
        print(promise)
    return 0 if all(promise.kept for promise in listed) else 1
