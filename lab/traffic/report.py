"""What the users saw: counts, failures and latencies, as the JSON file that traffic leaves."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.state import write_file

KEPT_FAILURES = 20
"""The first failures are told one by one, later ones are counted."""


class Report:
    """Counts requests as they end.

    Args:
        rate: requests a second that are begun.
    """

    def __init__(self, rate: float) -> None:
        self._rate, self._started = rate, time.time()
        self._outcomes: Counter[str] = Counter()
        self._versions: Counter[str] = Counter()
        self._milliseconds: Counter[int] = Counter()
        self._failures: list[dict[str, Any]] = []

    def success(self, version: str, seconds: float, *, slow: bool) -> None:
        """Count an answer of status 2xx; the time of requests that were to be slow is left out of the latencies."""
        self._outcomes["ok"] += 1
        self._versions[version] += 1
        if not slow:
            self._milliseconds[round(seconds * 1000)] += 1

    def failure(self, cause: str, request: str) -> None:
        """Count a request that a user would complain about."""
        self._outcomes[cause] += 1
        if len(self._failures) < KEPT_FAILURES:
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._failures.append({"at": moment, "cause": cause, "request": request})

    def write(self, path: Path, in_flight: int) -> None:
        """Replace the report's file."""
        write_file(path, json.dumps(self.described(in_flight), indent=2).encode() + b"\n")

    def described(self, in_flight: int) -> dict[str, Any]:
        """The report.

        Returns:
            ``started`` (UTC), ``seconds``, ``rate`` (a second); ``requests`` and ``failed`` (of ended ones);
            ``in_flight``; ``causes``: status or error → count; ``by_version``: application version → answers;
            ``p50_ms``, ``p99_ms`` and ``max_ms`` of requests that were not to be slow (None without any);
            ``first_failures``: when, why, which.
        """
        requests = self._outcomes.total()
        return {
            "started": datetime.fromtimestamp(self._started, UTC).isoformat(timespec="milliseconds"),
            "seconds": round(time.time() - self._started, 1),
            "rate": self._rate,
            "requests": requests,
            "failed": requests - self._outcomes["ok"],
            "in_flight": in_flight,
            "causes": {cause: count for cause, count in self._outcomes.items() if cause != "ok"},
            "by_version": dict(self._versions),
            "p50_ms": self._quantile(0.5),
            "p99_ms": self._quantile(0.99),
            "max_ms": max(self._milliseconds, default=None),
            "first_failures": self._failures,
        }

    def _quantile(self, share: float) -> int | None:
        left = self._milliseconds.total() * share
        for milliseconds in sorted(self._milliseconds):
            left -= self._milliseconds[milliseconds]
            if left <= 0:
                return milliseconds
        return None
