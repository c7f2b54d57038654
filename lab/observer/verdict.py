"""The verdict: which rules held, and the moment and evidence of each breach."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab.observer.rules.judge import Judge
from lab.observer.sights import Breach, Look, told
from lab.state import write_file


class Verdict:
    """Collects what the judges say, each breach once, and what could not be seen."""

    def __init__(self, judges: Iterable[Judge]) -> None:
        self._judges = tuple(judges)
        self._breaches: dict[tuple[int, str], Breach] = {}
        self._unseen: dict[str, list[float]] = {}
        self._first: Look | None = None
        self._last: Look | None = None
        self._looks, self._longest_gap = 0, 0.0

    def add(self, look: Look) -> None:
        """Let every judge judge a look."""
        before, self._last = self._last, look
        self._first = self._first or look
        self._looks += 1
        self._longest_gap = max(self._longest_gap, look.at - before.at if before else 0.0)
        for judge in self._judges:
            self._note(judge.judge(look, before))
        for what in _unseen(look):
            self._unseen.setdefault(what, [look.at, look.at])[1] = look.at

    def conclude(self) -> None:
        """Let every judge judge what is left."""
        if self._last:
            for judge in self._judges:
                self._note(judge.conclude(self._last))

    @property
    def held(self) -> bool:
        """Whether every rule held; nothing seen is nothing proven."""
        return self._looks > 0 and not self._breaches

    def described(self, traffic: dict[str, Any] | None) -> dict[str, Any]:
        """The verdict.

        Args:
            traffic: the users' report, if there were users.

        Returns:
            ``held``; ``started`` and ``ended`` (UTC); ``looks`` and ``longest_gap_seconds`` between two; ``rules``:
            number → title, held, breaches (moment, host, what, evidence); ``unseen``: what gave no answer, and from
            when to when; ``traffic``.
        """
        rules = {
            str(judge.rule): {
                "title": judge.title,
                "held": not (found := [each for each in self._breaches.values() if each.rule == judge.rule]),
                "breaches": [each.described() for each in found],
            }
            for judge in self._judges
        }
        users_content = traffic is None or traffic["failed"] == 0
        return {
            "held": self.held and users_content,
            "started": told(self._first.at) if self._first else None,
            "ended": told(self._last.at) if self._last else None,
            "looks": self._looks,
            "longest_gap_seconds": round(self._longest_gap, 3),
            "rules": rules,
            "unseen": {what: [told(start), told(end)] for what, (start, end) in self._unseen.items()},
            "traffic": traffic,
        }

    def write(self, path: Path, traffic: dict[str, Any] | None) -> dict[str, Any]:
        """Replace the verdict's file; the verdict."""
        described = self.described(traffic)
        write_file(path, json.dumps(described, indent=2).encode() + b"\n")
        return described

    def _note(self, breaches: Iterable[Breach]) -> None:
        for breach in breaches:
            self._breaches.setdefault((breach.rule, breach.key), breach)


def _unseen(look: Look) -> list[str]:
    hosts = [f"host {name}" for name, sight in look.hosts.items() if not sight.on]
    balancers = [f"balancer {name}" for name, rows in look.balancers.items() if rows is None]
    return hosts + balancers + (["database"] if look.database is None else [])
