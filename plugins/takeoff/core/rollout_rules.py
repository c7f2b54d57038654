"""Which host of a rollout may leave service next: batch size, floor and failure budgets as arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from takeoff.core.environment import FailureBudget
from takeoff.core.strict_model import Share


def batch_size(share: Share, hosts: int) -> int:
    """Count the hosts that may be out at once: a share is rounded down, and one host always may."""
    return max(1, share.at_most(hosts)) if hosts else 0


def floor_count(share: Share, hosts: int) -> int:
    """Count the hosts of a role that must serve at every moment: a share is rounded up."""
    return share.at_least(hosts)


def may_be_held_out(host: str, serving: Collection[str], floor: int, *, held_out: bool) -> bool:
    """Whether a host that cannot be relied on may be put to maint.

    One that is down counts as one that serves: it may come back in the moment in which it is put out.

    Args:
        host: its name.
        serving: hosts of its role, of all its stages, that serve now.
        floor: hosts that must serve at every moment.
        held_out: no balancer would send it traffic, were it to come back.
    """
    return held_out or len(frozenset(serving) - {host}) >= floor


@dataclass(frozen=True)
class Moment:
    """A rollout at one moment.

    Attributes:
        waiting: hosts that have not begun, in rollout order.
        out: hosts that were told to begin and are neither back nor given up.
        serving: hosts of the role, of all its stages, that serve now; those of ``out`` that still serve included.
        batch: hosts that may be out at once.
        floor: hosts that must serve at every moment.
    """

    waiting: tuple[str, ...]
    out: frozenset[str]
    serving: frozenset[str]
    batch: int
    floor: int

    @property
    def to_spare(self) -> int:
        """How many hosts that serve may still leave; negative when there are too few already."""
        return len(self.serving - self.out) - self.floor

    def next_host(self) -> str | None:
        """Choose the host that may begin now.

        A host that does not serve takes nothing away by leaving, so it may go even at the floor: it may be what
        brings the role above it again.

        Returns:
            The first in rollout order that may; ``None`` if none may now.
        """
        if len(self.out) >= self.batch:
            return None
        spare = self.to_spare > 0
        return next((host for host in self.waiting if spare or host not in self.serving), None)

    @property
    def stuck(self) -> bool:
        """Whether hosts wait, none may begin, and none is out whose return could change that."""
        return bool(self.waiting) and not self.out and self.next_host() is None


class StageMoves(NamedTuple):
    """What a rollout is about to do to the hosts of a role in one stage.

    Attributes:
        stage: its name.
        leaving: whether a host of it has to leave.
        returning: hosts that do not serve, and will once they are moved: that takes nothing away.
    """

    stage: str
    leaving: bool
    returning: tuple[str, ...] = ()


def stage_at_floor(stages: Iterable[StageMoves], serving: int, floor: int) -> str:
    """Find the first stage in which a host of a role has to leave and none may; empty if there is none.

    Args:
        stages: in the order in which they are rolled out.
        serving: hosts of the role that serve before the first one.
        floor: how many must serve at every moment.
    """
    for stage, leaving, returning in stages:
        serving += len(returning)
        if leaving and serving <= floor:
            return stage
    return ""


@dataclass(frozen=True)
class Halt:
    """A person's wish that no further host begins.

    Attributes:
        by: who.
        reason: why, in their words.
        after: whether the hosts in flight are the last ones, or those of the batch that is not complete yet.
        then: what lets the work go on, or ends it.
    """

    by: str
    reason: str
    after: Literal["host", "batch"]
    then: str = "try the task again"

    def now(self, begun: int, batch: int) -> bool:
        """Whether it takes effect when so many hosts have begun."""
        return self.after == "host" or begun % batch == 0


@dataclass(frozen=True)
class Budget:
    """What a failure budget allows in one rollout.

    Attributes:
        failed: hosts that may fail.
        unreachable: hosts that may give no answer.
        slow: hosts that may take longer than the environment allows.
    """

    failed: int
    unreachable: int
    slow: int = 0

    @classmethod
    def of(cls, settings: FailureBudget, hosts: int) -> Budget:
        """Count out the environment's budget for a rollout of that many hosts, rounded down."""
        return cls(settings.failed.at_most(hosts), settings.unreachable.at_most(hosts), settings.slow.at_most(hosts))

    def spent_by(self, failed: int, unreachable: int, slow: int = 0) -> str:
        """Say which budget is spent; empty while none is."""
        parts = []
        if failed > self.failed:
            parts.append(f"{failed} failed ({self.failed} allowed)")
        if unreachable > self.unreachable:
            parts.append(f"{unreachable} unreachable ({self.unreachable} allowed)")
        if slow > self.slow:
            parts.append(f"{slow} slow ({self.slow} allowed)")
        return " and ".join(parts)
