"""Rule 5: nothing runs twice, and nothing is left drained, locked or half-installed without being said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from lab.observer.sights import Breach, HostSight, Look

_SAYING = ("left_behind", "noted", "task_failed")
"""Kinds of journal entries that tell of a host's state."""


class Crash:
    """Sees repetitions while they happen, and leftovers at the end."""

    rule = 5
    title = "Nothing runs twice; nothing is left drained, locked or half-installed without being said"

    def __init__(self) -> None:
        self._already_said: int | None = None

    def judge(self, look: Look, before: Look | None) -> Iterable[Breach]:
        """Judge one look."""
        if self._already_said is None:
            self._already_said = len(look.journal)
        for host, sight in look.hosts.items():
            yield from self._job_twice(look, host, sight)
            for unpack in sight.unpacked:
                if unpack.old == unpack.new:
                    what = f"{host} unpacked a version that it had already"
                    yield Breach(self.rule, f"again {host} {unpack.line}", look.at, host, what, (unpack.line,))

    def conclude(self, last: Look) -> Iterable[Breach]:
        """Judge what is left."""
        told = last.journal[self._already_said or 0 :]
        said = json.dumps([entry for entry in told if (entry.get("body") or {}).get("kind") in _SAYING])
        for host, sight in last.hosts.items():
            left = [*_left_on_balancers(last, host), *_left_on_host(sight)]
            if left and host not in said:
                what = f"{host} was left as it should not be, and the journal says nothing of it"
                yield Breach(self.rule, f"left {host}", last.at, host, what, tuple(left))

    def _job_twice(self, look: Look, host: str, sight: HostSight) -> Iterator[Breach]:
        done = Counter((job.operation, job.host, job.step) for job in sight.jobs if job.status == 0)
        alive = Counter((job.operation, job.host, job.step) for job in sight.jobs if job.alive)
        for counts, how in ((done, "succeeded twice"), (alive, "runs twice at the same time")):
            for (operation, name, step), count in counts.items():
                if count > 1:
                    attempts = tuple(
                        f"attempt {job.attempt}: exit status {job.status}"
                        for job in sight.jobs
                        if (job.operation, job.host, job.step) == (operation, name, step)
                    )
                    what = f"the job {step} of {operation} {how} on {host}"
                    yield Breach(self.rule, f"{how} {operation} {name} {step}", look.at, host, what, attempts)


def _left_on_balancers(last: Look, host: str) -> Iterator[str]:
    for node, server in last.servers(host).items():
        if server is not None and server.taken_out:
            yield f"{node} has it as {server.status}"


def _left_on_host(sight: HostSight) -> Iterator[str]:
    if sight.state not in ("installed", ""):
        yield f"dpkg has the package as {sight.state}"
    for process in sight.processes:
        yield f"process {process.pid} still runs: {process.command}"
    for job in sight.jobs:
        if job.alive:
            yield f"the job {job.step} of {job.operation} still runs"
