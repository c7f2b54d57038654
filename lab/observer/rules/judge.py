"""What all judges have in common."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from lab.observer.sights import Breach, Look


@dataclass(frozen=True)
class Fleet:
    """What the judges know beforehand.

    Attributes:
        blessed: the only host that may migrate.
        addresses: address → host.
        backends: backend → its servers, each named as its host.
        floors: backend → servers that must serve at every moment.
        post_deploy_by_file: the environment file says that a deploy runs post-deployment migrations by itself.
    """

    blessed: str
    addresses: dict[str, str]
    backends: dict[str, tuple[str, ...]]
    floors: dict[str, int]
    post_deploy_by_file: bool = False


class Judge(Protocol):
    """Judges one rule."""

    rule: int
    title: str

    def judge(self, look: Look, before: Look | None) -> Iterable[Breach]:
        """What a look shows to be broken; the same breach may be told again under the same key."""
        ...

    def conclude(self, last: Look) -> Iterable[Breach]:
        """What is broken by the state that is left at the end."""
        ...
