"""Rule 1: never two operations changing an environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.observer.sights import Breach, JobSight, Look, told


class OneOperation:
    """Sees jobs of two operations at once, a superseded operation that acts again, and changes beside an operation."""

    rule = 1
    title = "One operation changes the environment at a time"

    def __init__(self) -> None:
        self._begun: set[tuple[str, str, str, int]] | None = None

    def judge(self, look: Look, before: Look | None) -> Iterable[Breach]:
        """Judge one look."""
        jobs = [job for sight in look.hosts.values() for job in sight.jobs]
        running = [job for job in jobs if job.alive]
        yield from self._two_at_once(look, running)
        yield from self._superseded(look, jobs)
        yield from self._strangers(look, running)

    def conclude(self, last: Look) -> Iterable[Breach]:
        """Nothing of this rule is left to be seen at the end."""
        return ()

    def _two_at_once(self, look: Look, running: list[JobSight]) -> Iterator[Breach]:
        operations = sorted({job.operation for job in running})
        if len(operations) > 1:
            yield Breach(
                self.rule,
                f"two {' '.join(operations)}",
                look.at,
                "",
                f"jobs of {' and '.join(operations)} run at the same time",
                tuple(f"{job.operation} runs {job.step} on {job.host} since {told(job.started)}" for job in running),
            )

    def _superseded(self, look: Look, jobs: list[JobSight]) -> Iterator[Breach]:
        """A job of an older operation that begins after one of a newer has begun."""
        known, self._begun = self._begun, {_key(job) for job in jobs}
        if known is None:
            return
        newest_before = max((_number(operation) for operation, *_ in known), default=0)
        for job in jobs:
            if _key(job) not in known and _number(job.operation) < newest_before:
                yield Breach(
                    self.rule,
                    f"superseded {_key(job)}",
                    look.at,
                    job.host,
                    f"{job.operation} begins {job.step} on {job.host} although a newer operation has acted already",
                    (f"job {job.step}, attempt {job.attempt}, started {told(job.started)}",),
                )

    def _strangers(self, look: Look, running: list[JobSight]) -> Iterator[Breach]:
        for host, sight in look.hosts.items() if running else ():
            for process in sight.processes:
                if not process.operation:
                    yield Breach(
                        self.rule,
                        f"stranger {host} {process.pid}",
                        look.at,
                        host,
                        f"{host} is changed by what belongs to no operation, while {running[0].operation} is at work",
                        (f"process {process.pid}: {process.command}",),
                    )


def _key(job: JobSight) -> tuple[str, str, str, int]:
    return job.operation, job.host, job.step, job.attempt


def _number(operation: str) -> int:
    tail = operation.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0
