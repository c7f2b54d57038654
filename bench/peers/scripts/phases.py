"""What the scripts of this folder share: take phases from standard input, tell what each cost."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable


def used_cpu() -> float:
    """Seconds of CPU of this process and its children."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def obey(run: Callable[[bool], int]) -> None:
    """Call ``run(cold)`` for each line; it says on how many hosts the command ended well."""
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), used_cpu()
        done = run(line.strip() == "cold")
        cost = {"wall_s": time.perf_counter() - wall, "cpu_s": used_cpu() - cpu, "done": done}
        print(json.dumps(cost), flush=True)
