"""What a driver could know when it sent a call: a fault that came after its last look is not held against it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

STALE_S = 12.0
"""How long a look may be ago, in time for which the driver was awake: a balancer that is silent is awaited for 10 s."""


@dataclass(frozen=True)
class Known:
    """The looks that a call was decided by.

    Attributes:
        looks: machine → when it was last looked at.
    """

    looks: Mapping[str, float] = field(default_factory=dict)

    def since(self, *machines: str) -> float:
        """When any of them was last looked at; for ever if none was, so that no fault is excused."""
        return max((at for name, at in self.looks.items() if name in machines), default=math.inf)


_NOTHING = Known()

known: ContextVar[Known] = ContextVar("known", default=_NOTHING)
"""Of the call that a machine carries out; a job that it begins inherits it."""
