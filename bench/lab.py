"""How soon a ``real`` lab is up, and what an idle host of it weighs.

A new lab each time, the package installed on every host; the images of the root file systems are built before.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.measured_lab import call_lab, unmeasurable
from bench.promise import Promise, judge
from lab.real import namespaces
from lab.real.image import build_images
from lab.real.machine import prepare_machine
from lab.state import LabState

SIZES = tuple(map(int, os.environ.get("TAKEOFF_BENCH_LABS", "13,60,200").split(",")))
LIMITS_S = {13: 10.0, 60: 20.0}
LIMIT_MB = 20.0
SETTLE_S = 5.0
"""A lab that has just started still reads files; a host counts as idle after so long."""


@dataclass(frozen=True)
class Weight:
    """What the lab of a size took: seconds until it was up and down, and MB of each host's processes when idle."""

    hosts: int
    up_s: float
    down_s: float
    host_mb: float


def main() -> int:
    """Start a lab of each size, print the table; 1 if a promise is broken."""
    if reason := unmeasurable():
        print(reason)
        return 0
    prepare_machine()
    build_images()
    found = []
    print(f"{'hosts':>6}  {'up s':>6}  {'down s':>6}  {'MB of an idle host':>18}")
    for size in SIZES:
        found.append(_measure(size))
        one = found[-1]
        print(f"{one.hosts:>6}  {one.up_s:>6.1f}  {one.down_s:>6.1f}  {one.host_mb:>18.1f}", flush=True)
    return judge(_promises(found))


def _measure(size: int) -> Weight:
    with tempfile.TemporaryDirectory(prefix="takeoff-bench-") as name:
        Path(name).chmod(0o755)  # servers of the lab run as other users
        state = LabState(Path(name) / "lab")
        try:
            begun = time.monotonic()
            call_lab(state, "up", "--kind", "real", "--hosts", str(size))
            up = time.monotonic() - begun
            time.sleep(SETTLE_S)
            memory = _memory_mb(state) / size
        finally:
            begun = time.monotonic()
            call_lab(state, "down")
        return Weight(size, up, time.monotonic() - begun, memory)


def _memory_mb(state: LabState) -> float:
    """Memory of all processes of the hosts that are deployed to, each shared page counted once (PSS)."""
    parts = namespaces.find(state.folder)
    total = 0
    for host in state.read().layout.hosts:
        first = parts[host.name]  # whatever its host starts stays below it, orphans too
        for process in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_full_info().pss
    return total / 1e6


def _promises(found: list[Weight]) -> Iterator[Promise]:
    for one in found:
        if one.hosts in LIMITS_S:
            yield Promise(f"lab of {one.hosts} hosts up", one.up_s, LIMITS_S[one.hosts], "s")
        yield Promise(f"memory of an idle host among {one.hosts}", one.host_mb, LIMIT_MB, "MB")


if __name__ == "__main__":
    sys.exit(main())
