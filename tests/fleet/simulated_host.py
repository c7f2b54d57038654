"""A host of the simulation: package state, health, fence and host jobs, as the script that travels would answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from takeoff.fleet.protocols import Completed
from tests.fleet.simulated_answers import look_answer, migrations_answer
from tests.fleet.simulated_attempt import Attempt, begins_another

ORDINARY = {"prepare": 1.0, "warmup": 5.0, "install": 20.0, "configure": 10.0, "restart": 5.0, "migrations": 60.0}
"""Seconds that the steps take."""


@dataclass(kw_only=True)
class TimedAttempt(Attempt):
    """One that knows when it began."""

    started: float


@dataclass
class SimulatedHost:
    """One host.

    Attributes:
        version: installed; empty if none.
        healthy: what its health check says.
        down: gives no answer, to us or to its users.
        cut: gives no answer to us, and serves its users.
        failing: step → how often its job still fails.
        seconds: step → how long its job takes, where it is not ordinary.
        steps: what ran on it to the end, in order.
        on_unpack: called when an install begins to unpack.
        on_restart: called when its services are about to stop.
    """

    name: str
    version: str
    healthy: bool = True
    down: bool = False
    cut: bool = False
    status: str = "installed"
    unfinished: str = ""
    skip_file: bool = False
    epoch: int = 0
    failing: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    never_healthy: bool = False
    steps: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    jobs: dict[tuple[str, str], list[TimedAttempt]] = field(default_factory=dict)
    on_unpack: Callable[[str], None] = lambda host: None
    on_restart: Callable[[str], None] = lambda host: None
    pending: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    looks: int = 0

    def look(self) -> Completed:
        """Answer the look at version and health."""
        self.looks += 1
        return look_answer(self, "answers 200" if self.healthy else "answers 503")

    def migration_status(self) -> Completed:
        """Answer the list of migrations."""
        return migrations_answer(self.name, self.pending)

    async def verb(self, verb: str, arguments: Sequence[str]) -> Completed:
        """Answer a verb of the script that travels."""
        match verb:
            case "job-ensure":
                return await self._ensure(*arguments)
            case "job-read":
                _, _, step, number, offset, wait = arguments
                attempt = self.jobs[arguments[0], step][int(number) - 1]
                return await self._answer(attempt, int(number), int(offset), float(wait), fresh=False)
            case "job-report":
                self.jobs[arguments[2], arguments[4]][int(arguments[5]) - 1].reported = True
                return self._said("reported=1")
            case "job-kill":
                attempt = self.jobs[arguments[2], arguments[4]][int(arguments[5]) - 1]
                attempt.end("killed", 15)
                return self._said("state=killed rc=15")
            case "facts":
                return self._said("", self._facts())
            case "fence":
                if (refusal := self.refuses(int(arguments[0]))) is not None:
                    return refusal
                running = [
                    f"{operation}/{self.name}/{step}"
                    for (operation, step), attempts in self.jobs.items()
                    if attempts[-1].state == "running"
                ]
                return self._said(f"epoch={self.epoch} running={','.join(running)}")
        raise AssertionError(f"the simulation knows no verb {verb}")

    def reboot(self) -> None:
        """Lose every job that runs."""
        for attempts in self.jobs.values():
            for attempt in attempts:
                if attempt.state == "running":
                    attempt.end("lost", 0)

    async def _ensure(
        self, epoch: str, _: str, operation: str, __: str, step: str, wanted: str, wait: str, *arguments: str
    ) -> Completed:
        if (refusal := self.refuses(int(epoch))) is not None:
            return refusal
        attempts = self.jobs.setdefault((operation, step), [])
        if fresh := begins_another(attempts, int(wanted)):
            begun = TimedAttempt(arguments, started=asyncio.get_running_loop().time())
            attempts.append(begun)
            begun.task = asyncio.create_task(self._work(step, begun))
        return await self._answer(attempts[-1], len(attempts), 0, float(wait), fresh=fresh)

    def refuses(self, epoch: int) -> Completed | None:
        """Check an epoch as every changing verb does."""
        if epoch < self.epoch:
            return Completed(self.name, 80, f"takeoff1 epoch={self.epoch} given={epoch}\n".encode(), b"")
        self.epoch = epoch
        return None

    async def _work(self, step: str, attempt: TimedAttempt) -> None:
        self.started.append(step)
        seconds = self.seconds.get(step, ORDINARY.get(step, 1.0))
        if step == "install" and self.version != attempt.arguments[1]:
            self.on_unpack(self.name)
            self.unfinished, self.status = attempt.arguments[1], "unpacked"
        if step == "restart":
            self.on_restart(self.name)
            self.healthy = False
        await asyncio.sleep(seconds)
        if self.failing.get(step, 0) > 0:
            self.failing[step] -= 1
            attempt.end("done", 1, f"{step} failed on purpose\n")
            return
        self._succeed(step, attempt)

    def _succeed(self, step: str, attempt: TimedAttempt) -> None:
        said = f"{step} done\n"
        match step:
            case "install":
                self.version, self.status = attempt.arguments[1], "installed"
            case "restart":
                self.unfinished, self.healthy = "", not self.never_healthy
            case "warmup":
                said += "fetched=1000\n"
            case "post-deploy-migrations":
                self.pending.clear()
        self.steps.append(step)
        attempt.end("done", 0, said)

    async def _answer(self, attempt: TimedAttempt, number: int, offset: int, wait: float, *, fresh: bool) -> Completed:
        await attempt.wait(wait)
        rebooted = int(attempt.state == "lost")
        data = attempt.log[offset:]
        head = (
            f"state={attempt.state} rc={attempt.exit_code} rebooted={rebooted} fresh={int(fresh)} attempt={number} "
            f"next={offset + len(data)} size={len(attempt.log)} folder=/jobs/{number} "
            f"age={int(asyncio.get_running_loop().time() - attempt.started)}"
        )
        return self._said(head, data)

    def _said(self, head: str, data: bytes = b"") -> Completed:
        return Completed(self.name, 0, f"takeoff1 {head}\n".encode() + data, b"")

    def _facts(self) -> bytes:
        facts = {
            "hostname": self.name, "boot_id": "1", "architecture": "amd64", "clock": "1767225600", "epoch": "0",
            "version": self.version, "status": f"install ok {self.status}", "free_mib": "50000",
            "archives_free_mib": "50000", "memory_mib": "4000", "skip_file": "0", "auto_migrate": "false", "held": "0",
        }  # fmt: skip
        return "".join(f"{key}={value}\n" for key, value in (facts | self.facts).items()).encode()
