"""A schedule of faults, chosen by a seed; each befalls at a numbered call of a driver to a host."""

from __future__ import annotations

import random
from dataclasses import dataclass

CALLS = 520
"""Calls of an undisturbed run, and some more: faults are spread over them."""

KINDS = (
    "kill", "kill", "kill", "freeze", "freeze", "freeze", "cut", "cut", "cut_other", "cut_balancer", "reboot",
    "reboot_other", "kill_jobs", "fail_step", "reload",
)  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: what happens.
        call: number of the call at which it happens, from 1.
        after: seconds after that call was begun.
        seconds: how long it lasts, for those that last.
        pick: chooses whom it befalls, for those that do not befall the caller or the called.
    """

    kind: str
    call: int
    after: float
    seconds: float
    pick: int

    def __str__(self) -> str:
        return f"{self.kind} at call {self.call}, {self.after:.2f} s after it"


@dataclass(frozen=True)
class Schedule:
    """All that a run of the simulation is made of.

    Attributes:
        seed: of latencies and the like.
        faults: in no order.
        second: what a person does meanwhile: ``""``, ``release`` or ``rollback``.
        second_at: number of the call at which they begin.
        tolerant: whether the environment file lets a host be left behind.
    """

    seed: int
    faults: tuple[Fault, ...]
    second: str = ""
    second_at: int = 0
    tolerant: bool = False


def schedule_of(seed: int) -> Schedule:
    """Choose a schedule."""
    rng = random.Random(seed)
    count = rng.choice((1, 2, 2, 3, 3, 4, 6))
    faults = [
        Fault(
            kind=rng.choice(KINDS),
            call=rng.randint(1, CALLS),
            after=rng.choice((0.0, 0.005, 0.02, 0.03, rng.uniform(0.0, 8.0))),
            seconds=rng.choice((rng.uniform(0.1, 5.0), rng.uniform(10.0, 70.0))),
            pick=rng.randint(0, 1000),
        )
        for _ in range(count)
    ]
    if rng.random() < 0.1:
        faults.append(Fault("lose_disk", rng.randint(60, CALLS), 0.0, 0.0, 0))
    second = rng.choice(("", "", "release", "rollback"))
    return Schedule(seed, tuple(faults), second, rng.randint(1, CALLS), tolerant=rng.random() < 0.4)
