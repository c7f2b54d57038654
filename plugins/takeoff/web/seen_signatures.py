"""Remembers which signed requests were served, so that a copy of one is refused."""

from __future__ import annotations

import threading


class SeenSignatures:
    """Signatures of one process. A copy sent to another one finds the run that the first request started.

    Args:
        kept_s: seconds for which a signature could be valid.
    """

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}

    def is_new(self, signature: str, now: float) -> bool:
        """Remember a signature; False if it was here before."""
        with self._lock:
            while self._seen and next(iter(self._seen.values())) < now - self._kept_s:
                del self._seen[next(iter(self._seen))]
            if signature in self._seen:
                return False
            self._seen[signature] = now
            return True
