"""A value that is not read for every request: secrets backends and files may be slow, and requests many."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

FRESH_S = 60.0
"""Seconds after which a value is read again by default."""

Value = TypeVar("Value")


class FreshValue(Generic[Value]):
    """Gives what ``read`` gave a short time ago; callers from many threads wait for one read.

    Args:
        read: gets the value; it may block.
        fresh_s: seconds after which it is read again.
    """

    def __init__(self, read: Callable[[], Value], fresh_s: float = FRESH_S) -> None:
        self._read = read
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._found: tuple[float, Value] | None = None

    def __call__(self) -> Value:
        """Give the value."""
        with self._lock:
            if self._found is None or time.monotonic() - self._found[0] >= self._fresh_s:
                self._found = (time.monotonic(), self._read())
            return self._found[1]
