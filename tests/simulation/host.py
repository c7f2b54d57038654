"""A host of the simulation: package, services, fence and host jobs, as the script that travels would answer.

What survives a reboot is what would be on its disk. Jobs are bound to a boot, as in ``jobs.sh``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from takeoff.fleet.protocols import Completed
from tests.fleet.simulated_answers import look_answer, migrations_answer
from tests.fleet.simulated_attempt import Attempt, begins_another
from tests.simulation.journal_files import JournalFiles
from tests.simulation.node import Node

SECONDS = {"warmup": 2.0, "install": 6.0, "configure": 3.0, "restart": 3.0, "migrations": 8.0}
"""How long the steps take; those that are not named take 4 s."""

MIGRATIONS = ("migrations", "post-deploy-migrations")


class Watches(Protocol):
    """Who is told what happens on a host, at the moment it happens."""

    def job_begins(self, host: Host, operation: str, step: str, epoch: int) -> None: ...
    def unpacks(self, host: Host) -> None: ...
    def stops_services(self, host: Host) -> None: ...
    def job_succeeded(self, host: Host, operation: str, step: str) -> None: ...


@dataclass(kw_only=True)
class FencedAttempt(Attempt):
    """One that knows whose driver began it, and whether a reboot ended it."""

    epoch: int
    rebooted: bool = False


@dataclass
class Host(Node):
    """One host.

    Attributes:
        version: on its disk.
        status: dpkg's word for the package.
        unfinished: version of a change that was begun and not finished.
        services: whether its services run.
        failing: steps that will fail once.
        pending: post-deploy migrations that have not run; of the blessed node.
    """

    version: str = ""
    status: str = "installed"
    unfinished: str = ""
    skip_file: bool = False
    services: bool = True
    failing: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    jobs: dict[tuple[str, str], list[FencedAttempt]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.files = JournalFiles(self)
        self.watches: Watches

    @property
    def healthy(self) -> bool:
        return self.services and not self.down and self.status == "installed"

    @property
    def running(self) -> list[tuple[str, str]]:
        return [job for job, attempts in self.jobs.items() if attempts and attempts[-1].state == "running"]

    @property
    def job_names(self) -> list[str]:
        return [f"{operation}/{self.name}/{step}" for operation, step in self.running]

    def look(self) -> Completed:
        return look_answer(self, "answers")

    def migration_status(self) -> Completed:
        return migrations_answer(self.name, self.pending)

    async def verb(self, verb: str, arguments: Sequence[str], stdin: bytes) -> Completed:
        """Answer a verb of the script that travels."""
        match verb:
            case "fence":
                return self.fence(arguments)
            case "facts":
                return self._facts()
            case "journal-read":
                return self.files.read(arguments)
            case "journal-append":
                return self.files.append(arguments, stdin)
            case "journal-replace":
                return self.files.replace(arguments, stdin)
            case "job-ensure":
                return await self._ensure(*arguments)
            case "job-read":
                operation, _, step, number, offset, wait = arguments
                return await self._answer((operation, step), int(number), int(offset), float(wait), fresh=False)
            case "job-report" | "job-kill":
                if (refusal := self.check_fence(*arguments[:2])) is not None:
                    return refusal
                if (arguments[2], arguments[4]) not in self.jobs:
                    return Completed(self.name, 64, b"", b"takeoff: there is no such attempt on this host")
                attempt = self.jobs[arguments[2], arguments[4]][int(arguments[5]) - 1]
                if verb == "job-report":
                    attempt.reported = True
                elif attempt.state == "running":
                    self._end(attempt, "killed", 15)
                return self.said(f"state={attempt.state} rc=")
        raise AssertionError(f"the simulation knows no verb {verb}")

    def reboot(self) -> None:
        """Lose every job that runs; the services start again with the machine."""
        self.boots += 1
        self.down = True
        self.kill_jobs(rebooted=True)

    def boot(self) -> None:
        self.down = False
        self.services = True
        self.booted_at = asyncio.get_running_loop().time()

    def kill_jobs(self, *, rebooted: bool = False) -> None:
        """End what runs, without a result; a package that was being unpacked stays so."""
        for attempts in self.jobs.values():
            if attempts and attempts[-1].state == "running":
                attempts[-1].rebooted = rebooted
                self._end(attempts[-1], "lost", 0)

    def lose_disk(self) -> None:
        """Lose the state folder, and with it journal, fence and jobs."""
        self.kill_jobs()
        self.jobs.clear()
        self.forgot_at = asyncio.get_running_loop().time()
        self.epoch, self.authority, self.no_return = 0, "", ""
        self.files.text = {"journal": b"", "copy": b""}

    async def _ensure(
        self, epoch: str, authorities: str, operation: str, _: str, step: str, wanted: str, wait: str, *rest: str
    ) -> Completed:
        if (refusal := self.check_fence(epoch, authorities)) is not None:
            return refusal
        if others := [job for job in self.running if job != (operation, step)]:
            return self.said(f"state=busy rc= next=0 size=0 busy={others[0][0]}/{self.name}/{others[0][1]}")
        attempts = self.jobs.setdefault((operation, step), [])
        if fresh := begins_another(attempts, int(wanted)):
            self.watches.job_begins(self, operation, step, int(epoch))
            begun = FencedAttempt(rest, epoch=int(epoch))
            attempts.append(begun)
            begun.task = asyncio.create_task(self._work(operation, step, begun))
        return await self._answer((operation, step), len(attempts), 0, float(wait), fresh=fresh)

    async def _answer(self, job: tuple[str, str], number: int, offset: int, wait: float, *, fresh: bool) -> Completed:
        if job not in self.jobs:
            return Completed(self.name, 64, b"", b"takeoff: there is no such attempt on this host")
        attempt = self.jobs[job][number - 1]
        await attempt.wait(wait)
        data = attempt.log[offset:]
        head = (
            f"state={attempt.state} rc={attempt.exit_code} rebooted={int(attempt.rebooted)} fresh={int(fresh)} "
            f"attempt={number} next={offset + len(data)} size={len(attempt.log)} epoch={attempt.epoch} "
            f"folder=/jobs/{number}"
        )
        return self.said(head, data)

    async def _work(self, operation: str, step: str, attempt: FencedAttempt) -> None:
        seconds = SECONDS.get(step, 4.0)
        if step in self.failing:
            self.failing.remove(step)
            await asyncio.sleep(seconds / 2)
            self._end(attempt, "done", 1, f"{step} failed\n")
            return
        if step == "install":
            await self._install(attempt.arguments[1], seconds)
        elif step == "restart":
            self.watches.stops_services(self)
            self.services = False
            await asyncio.sleep(seconds)
            self.services, self.unfinished = True, ""
        else:
            await asyncio.sleep(seconds)
        if step == "migrations":
            self.pending = ["20260101000000 DropOld"]
        elif step == "post-deploy-migrations":
            self.pending = []
        self.watches.job_succeeded(self, operation, step)
        self._end(attempt, "done", 0, "fetched=10\n" if step == "warmup" else f"{step} done\n")

    async def _install(self, wanted: str, seconds: float) -> None:
        self.skip_file, self.status = self.status != "installed", "installed"
        if self.version != wanted:
            await asyncio.sleep(seconds / 3)
            self.unfinished, self.skip_file = wanted, True
            self.watches.unpacks(self)
            self.version, self.status = wanted, "half-configured"
            await asyncio.sleep(seconds * 2 / 3)
        self.status, self.skip_file = "installed", False

    def _end(self, attempt: FencedAttempt, state: str, exit_status: int, said: str = "") -> None:
        attempt.end(state, exit_status, said)
        if not self.services and state in ("killed", "lost"):
            self.services = True  # runit starts them again

    def _facts(self) -> Completed:
        facts = {
            "hostname": self.name, "boot_id": self.boots, "architecture": "amd64", "epoch": self.epoch,
            "clock": 1767225600 + asyncio.get_running_loop().time(), "authority": self.authority,
            "point_of_no_return": self.no_return, "version": self.version, "status": f"install ok {self.status}",
            "free_mib": 50000, "archives_free_mib": 50000, "memory_mib": 4000, "skip_file": int(self.skip_file),
            "auto_migrate": "true" if self.name.startswith("deploy") else "false", "held": 0,
            "running_jobs": " ".join(self.job_names),
        }  # fmt: skip
        return self.said("", "".join(f"{key}={value}\n" for key, value in facts.items()).encode())
