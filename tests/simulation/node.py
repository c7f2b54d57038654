"""What hosts and balancer nodes of the simulation have in common: a fence, and answers in the script's form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from takeoff.fleet.protocols import Completed


@dataclass
class Node:
    """A machine with a state folder.

    Attributes:
        down: it is booting.
        cut_until: when its connection to the drivers is mended.
        boots: how often it was rebooted.
        booted_at: when it last came up.
        forgot_at: when it lost its state.
    """

    name: str
    down: bool = False
    cut_until: float = -1.0
    boots: int = 0
    booted_at: float = -1.0
    forgot_at: float = -1.0
    epoch: int = 0
    authority: str = ""
    no_return: str = ""

    @property
    def job_names(self) -> list[str]:
        """Jobs that run there, as ``operation/host/step``."""
        return []

    @property
    def last_known(self) -> float:
        """When it last may have missed or forgotten what it had been told."""
        return max(self.last_silent, self.forgot_at)

    @property
    def last_silent(self) -> float:
        """When it last gave no answer; for ever while it is booting."""
        return math.inf if self.down else max(self.cut_until, self.booted_at)

    def check_fence(self, epoch: str, authorities: str) -> Completed | None:
        """Refuse the superseded, strangers and whoever was not announced; as ``check_fence`` in ``fence.sh``."""
        refusal = self._compare(epoch, authorities)
        if refusal is None and not self.authority:
            return self.said(f"given={epoch}", exit_status=83)
        if refusal is None:
            self.epoch, self.authority = int(epoch), authorities.split(",")[0]
        return refusal

    def _compare(self, epoch: str, authorities: str) -> Completed | None:
        known = authorities.split(",")
        if self.authority and self.authority not in known:
            return self.said(f"authority={self.authority} given={authorities} epoch={self.epoch}", exit_status=81)
        if int(epoch) < self.epoch:
            return self.said(f"epoch={self.epoch} given={epoch} authority={self.authority}", exit_status=80)
        return None

    def fence(self, arguments: Sequence[str]) -> Completed:
        """The verb ``fence``."""
        epoch, authorities, no_return = arguments
        if (refusal := self._compare(epoch, authorities)) is not None:
            return refusal
        self.epoch, self.authority = int(epoch), authorities.split(",")[0]
        self.no_return = no_return or self.no_return
        return self.said(f"epoch={self.epoch} authority={self.authority} running={','.join(self.job_names)}")

    def said(self, head: str, data: bytes = b"", exit_status: int = 0) -> Completed:
        return Completed(self.name, exit_status, f"takeoff1 {head}\n".encode() + data, b"")
