"""The users of the demo's fleet: traffic while a story is played, and what it saw."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from lab.demo.scene import Scene
from lab.traffic.commands import start_traffic, stop_traffic


class Users:
    """Sends requests while the context is open.

    Args:
        scene: whose fleet is used.
    """

    def __init__(self, scene: Scene) -> None:
        self._lab = scene.lab
        self._report: dict[str, Any] = {}

    def __enter__(self) -> Self:
        start_traffic(self._lab)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._report = stop_traffic(self._lab)

    @property
    def failed(self) -> int:
        """Requests that failed, once the context is closed."""
        return int(self._report["failed"])

    @property
    def summary(self) -> str:
        """What the users saw, as a sentence or two."""
        told = self._report
        text = (
            f"{told['requests']} requests of users in {told['seconds']:.0f} s: {told['failed']} failed "
            f"(p50 {told['p50_ms']} ms, p99 {told['p99_ms']} ms)."
        )
        first = told["first_failures"]
        return f"{text} The first: {first[0]['at']} {first[0]['cause']} {first[0]['request']}." if first else text
