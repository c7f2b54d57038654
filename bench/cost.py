"""What a piece of work costs: wall time, and the CPU of this process and of all that it started."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Seconds of wall time, and of user and system CPU on the side of who works on the hosts."""

    wall_s: float
    cpu_s: float


def used_cpu() -> float:
    """Seconds of CPU that this process and its ended children have used until now."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


async def measure(work: Callable[[], Awaitable[object]]) -> Cost:
    """Measure one run in this process."""
    wall, cpu = time.perf_counter(), used_cpu()
    await work()
    return Cost(time.perf_counter() - wall, used_cpu() - cpu)


def median(costs: Iterable[Cost]) -> Cost:
    """Take the median of the wall times, and that of the CPU times."""
    listed = list(costs)
    return Cost(statistics.median(one.wall_s for one in listed), statistics.median(one.cpu_s for one in listed))


async def interleaved(works: Mapping[str, Callable[[], Awaitable[Cost]]], rounds: int) -> dict[str, Cost]:
    """Measure every work once in each round, so that what else the machine does meets all of them; the medians."""
    found: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            found[name].append(await work())
    return {name: median(costs) for name, costs in found.items()}
