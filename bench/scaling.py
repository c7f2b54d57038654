"""What our process uses on 10 to 1,000 hosts: CPU, memory with all connections open and a rollout in flight.

The hosts are those of ``bench/many_hosts``; a tenth of them is out at a time. Their own work shares the machine with
our process, so CPU, not wall time, tells how the engine grows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bench.many_hosts.hosts import many_hosts, write_environment
from bench.many_hosts.rollout import STEPS, Seen
from bench.measured_lab import ROOT
from bench.peers.installed import BIN, missing
from bench.promise import Promise, judge

SIZES = tuple(map(int, os.environ.get("TAKEOFF_BENCH_SIZES", "10,30,100,300,1000").split(",")))
PICTURE = ROOT / "docs" / "pictures" / "scaling.svg"
_DRAW = ROOT / "bench" / "peers" / "scripts" / "draw_scaling.py"


def main() -> int:
    """Measure every size in a process of its own, print the table, draw the picture; 1 if a promise is broken."""
    found = []
    with many_hosts(max(SIZES)) as state:
        for size in SIZES:
            with tempfile.TemporaryDirectory(prefix="takeoff-bench-") as folder:
                found.append(_measure(write_environment(state, size, Path(folder))))
                print(_row(found[-1]) if len(found) > 1 else f"{_HEAD}\n{_row(found[-1])}", flush=True)
            for host in state.read().hosts:
                (state.folder / "hosts" / host / "root" / "version").unlink(missing_ok=True)
    if reason := missing():
        print(f"no picture: {reason}")
    elif len(found) > 1:
        subprocess.run([str(BIN / "python"), str(_DRAW), str(PICTURE)], input=_json(found), check=True)
    return judge(_promises(found))


def _measure(file: Path) -> Seen:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}"}
    command = [sys.executable, "-m", "bench.many_hosts.rollout", str(file)]
    return Seen(**json.loads(subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True).stdout))


_HEAD = (
    f"{'hosts':>6}  {'connect CPU ms/host':>20}  {'command CPU ms/host':>20}  {'rollout CPU ms/host':>20}  "
    f"{'rollout s':>10}  {'peak MB':>9}"
)


def _row(seen: Seen) -> str:
    each = (value / seen.hosts * 1000 for value in (seen.connect_cpu_s, seen.command_cpu_s, seen.rollout_cpu_s))
    return "{:>6}  {:>20.2f}  {:>20.2f}  {:>20.2f}  {:>10.1f}  {:>9.0f}".format(
        seen.hosts, *each, seen.rollout_wall_s, seen.peak_mb
    )


def _json(found: list[Seen]) -> bytes:
    return json.dumps([asdict(one) for one in found]).encode()


def _promises(found: list[Seen]) -> Iterator[Promise]:
    first, last = found[0], found[-1]
    yield Promise(f"open connections of the process, {last.hosts} hosts", last.open_connections, last.hosts, "", True)
    yield Promise("largest memory with a rollout in flight", last.peak_mb, 300, "MB")
    cpu = max(one.rollout_cpu_s / one.hosts / STEPS for one in found) * 1000
    yield Promise("client CPU of a host and step, at most", cpu, 5, "ms")
    grown = (last.rollout_cpu_s / last.hosts) / (first.rollout_cpu_s / first.hosts)
    yield Promise(f"CPU of a host among {last.hosts} / among {first.hosts}", grown, 1.25, "x")


if __name__ == "__main__":
    sys.exit(main())
