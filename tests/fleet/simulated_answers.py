"""What a simulated host answers when it is looked at and when its migrations are listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from takeoff.fleet.protocols import Completed


class Looked(Protocol):
    """What a look sees of a host."""

    name: str
    version: str
    status: str
    unfinished: str
    skip_file: bool

    @property
    def healthy(self) -> bool: ...


def look_answer(host: Looked, health: str) -> Completed:
    """The look at version and health.

    Args:
        host: the one that is looked at.
        health: what its health check says, in words.
    """
    text = (
        f"version={host.version}\nstatus={host.status if host.version else ''}\nunfinished={host.unfinished}\n"
        f"skip_file={int(host.skip_file)}\nhealthy={int(host.healthy)}\nhealth={health}\n"
    )
    return Completed(host.name, 0, text.encode(), b"")


def migrations_answer(host: str, pending: Sequence[str]) -> Completed:
    """The list of migrations: an old one that has run, and those that have not."""
    rows = ["   up     20250101000000  Old", *(f"  down    {name}" for name in pending)]
    return Completed(host, 0, "\n".join(rows).encode(), b"")
