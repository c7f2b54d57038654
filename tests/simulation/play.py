"""Plays a schedule: a deploy and its post-deploy migrations by the engine, as Airflow and people would run them."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

from takeoff.core.errors import AuthorityDoubtful, FloorReached, LeaseHeld, Refused, Superseded, TakeoffError
from takeoff.core.journal_entries import parse_line
from takeoff.core.operation import Artifact, Outcome
from takeoff.core.record import Record
from takeoff.core.task_ids import TaskKind, TaskSpec, deploy_tasks, rollback_tasks
from takeoff.core.versions import PackageVersion
from takeoff.engine import opening, rollback_verdict
from takeoff.engine.adoption import adopt
from takeoff.engine.drivers import new_driver
from takeoff.engine.journal_care import restore_journal
from takeoff.engine.opening import DeployRequest, open_deploy
from takeoff.engine.packages import FoundVersion
from takeoff.engine.post_deploy import run_post_deploy
from takeoff.engine.release import release_lease
from takeoff.engine.rollback_verdict import RollbackRequest
from takeoff.engine.rolling_back import stop_deploy
from takeoff.engine.session import Session
from takeoff.engine.tasks import run_task
from takeoff.fleet import journal_text
from tests.fleet.virtual_time import run_virtually
from tests.simulation.process import Process
from tests.simulation.schedule import Fault, Schedule
from tests.simulation.world import V1, V2, V3, World, small_environment

TRIES = 60
"""How often a task is tried: faults are over by then, six that follow one another for 70 s each included."""

RETRY_S = 8.0

SETTLES = 3
"""How often a person tries to finish what is open at the end."""

ENVIRONMENTS = {
    tolerant: small_environment(failure_budget={"failed": 1, "unreachable": 1} if tolerant else {})
    for tolerant in (False, True)
}

Work = Callable[[Session], Awaitable[Any]]


@dataclass
class Played:
    """What became of a schedule.

    Attributes:
        breaches: of safety rules; empty if all is well.
        story: what happened, one line each.
        calls: of drivers to machines.
        failures: tries that did not end well.
    """

    breaches: list[str]
    story: list[str]
    calls: int
    failures: list[str]


def play(schedule: Schedule) -> Played:
    """Play a schedule in virtual time."""
    with (
        mock.patch.object(opening, "find_version", _find),
        mock.patch.object(rollback_verdict, "find_version", _find),
        # Every process reads the whole journal; that a line verifies is found out once.
        mock.patch.object(journal_text, "parse_line", functools.lru_cache(maxsize=500)(parse_line)),
    ):
        return run_virtually(_Play(schedule).run())


async def _find(session: Session, typed: str) -> FoundVersion:
    return FoundVersion(PackageVersion.parse(typed), (Artifact(sha256="a" * 64, size=1000),))


class _Play:
    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.world = World(ENVIRONMENTS[schedule.tolerant], schedule.seed)
        self.calls = 0
        self.adopted = False
        self.failures: list[str] = []
        self.second = asyncio.Event()
        self.faults: dict[int, list[Fault]] = {}
        for fault in schedule.faults:
            self.faults.setdefault(fault.call, []).append(fault)

    async def run(self) -> Played:
        await self._try("adopt", lambda session: adopt(session, by="maria"))
        self.adopted = True
        await asyncio.gather(self._first(), self._second())
        if not self.world.observer.breaches:
            await self._settle()
            await self._look_at_the_end()
        return Played(self.world.observer.breaches, self.world.story, self.calls, self.failures)

    async def _first(self) -> None:
        if await self._deploy(V2, "r1"):
            await self._run_step("post-deploy", lambda s: run_post_deploy(s, _request(V2, "r1p"), new_driver("p", "m")))
        self.second.set()

    async def _second(self) -> None:
        if not self.schedule.second:
            return
        await self.second.wait()
        if self.schedule.second == "release":
            await self._run_step("release", lambda s: release_lease(s, by="maria", reason="stuck"))
            await self._deploy(V3, "r2")
        else:
            await self._roll_back()

    async def _deploy(self, version: str, run: str) -> bool:
        """Carry out a deploy, task by task; say whether it ended well."""
        request = _request(version, run)
        lease = await self._run_step(f"{run} lease", lambda s: open_deploy(s, request, new_driver("lease", "maria")))
        if lease is None:
            return False
        tasks = [task for task in deploy_tasks(self.world.environment) if task.kind in MOVING]
        return await self._tasks(run, lease.operation.id, tasks)

    async def _roll_back(self) -> None:
        request = RollbackRequest(V1, by="maria", reason="bad", run="r2")
        stopped = await self._run_step("r2 stop", lambda s: stop_deploy(s, request, new_driver("stop_deploy", "maria")))
        if stopped is not None:
            tasks = [task for task in rollback_tasks(self.world.environment) if task.kind in MOVING]
            await self._tasks("r2", stopped[0].operation.id, tasks)

    async def _tasks(self, run: str, operation: str, tasks: list[TaskSpec]) -> bool:
        for task in tasks:
            work = _task(operation, task)
            if await self._run_step(f"{run} {task.id}", work) is None:
                return False
        return True

    async def _run_step(self, name: str, work: Work) -> Any:
        """Try a step until it is done, as Airflow's retries and a person's clearing would; None if it never may be."""
        for number in range(1, TRIES + 1):
            if self.world.observer.breaches:
                return None  # a rule is broken: what would follow says nothing more
            result, value = await self._try(f"{name} (try {number})", work)
            if result == "done":
                return value if value is not None else True
            if isinstance(result, Superseded | LeaseHeld):
                return None
            if isinstance(result, AuthorityDoubtful):
                await self._try("restore", lambda s: restore_journal(s, by="maria", reason="lost"))
            elif isinstance(result, FloorReached):
                self.world.repair()
            elif isinstance(result, Refused):
                return None
            elif isinstance(result, BaseException) and not isinstance(result, TakeoffError):
                raise result
            await asyncio.sleep(RETRY_S)
        self.world.observer.breach(5, f"{name} did not end well in {TRIES} tries")
        return None

    async def _try(self, name: str, work: Work) -> tuple[str | BaseException, Any]:
        process = Process(self.world, name, self._on_call)
        value: list[Any] = []

        async def kept(session: Session) -> None:
            value.append(await work(session))

        result = await process.carry_out(kept)
        self.world.tell(f"{name}: {result if isinstance(result, str) else f'{type(result).__name__}: {result}'[:300]}")
        if result != "done":
            self.failures.append(f"{name}: {result}")
        return result, value[0] if value else None

    async def _settle(self) -> None:
        """A person brings what is still open to its end, as the command line would; a driver may wake up even then."""
        for _ in range(SETTLES):
            await asyncio.sleep(100.0)
            if (await self._record()).open_operation is None:
                return
            await self._finish_what_is_open()

    async def _finish_what_is_open(self) -> None:
        holder = (await self._record()).open_operation
        if holder is not None and holder.details.run == "r1p":
            await self._run_step("p again", lambda s: run_post_deploy(s, _request(V2, "x"), new_driver("p", "maria")))
        elif holder is not None:
            rolling = holder.details.kind.value == "rollback"
            every = (rollback_tasks if rolling else deploy_tasks)(self.world.environment)
            await self._tasks("again", holder.details.id, [task for task in every if task.kind in MOVING])

    async def _record(self) -> Record:
        for _ in range(TRIES):
            result, record = await self._try("look", lambda s: s.journal.read())
            if result == "done" and record.authority:
                return record
            await self._try("restore", lambda s: restore_journal(s, by="maria", reason="lost"))
            await asyncio.sleep(RETRY_S)
        raise AssertionError("the journal is not to be had")

    async def _look_at_the_end(self) -> None:
        record, breach = await self._record(), self.world.observer.breach
        if record.open_operation is not None:
            breach(5, f"{record.open_operation.details.id} is still open at the end")
        moves = [one for one in record.operations.values() if one.details.kind.value in ("deploy", "rollback")]
        if not moves or moves[-1].outcome is not Outcome.SUCCEEDED:
            return
        wanted = moves[-1].details.version
        while any(host.down for host in self.world.hosts.values()):  # rebooted by the very call that looked
            await asyncio.sleep(1.0)
        for host in self.world.hosts.values():
            if host.name in record.left_behind:
                continue
            if host.running:
                breach(5, f"{host.name} still runs {host.running}")
            blessed = host.name == self.world.environment.deploy_node.name  # no recipe of a role ends the change there
            unfinished = "" if blessed else host.unfinished
            if (host.version, host.status, unfinished, host.skip_file) != (wanted, "installed", "", False):
                breach(5, f"{host.name} has {host.version} ({host.status}, {host.unfinished!r}), not {wanted}")
            if not self.world.serves(host.name):
                states = ", ".join(f"{b.name} {s.state}" for b, s in self.world.servers_of(host.name))
                breach(5, f"{host.name} does not serve at the end ({states}), and nothing says so")

    def _on_call(self, process: Process, host: str) -> None:
        if not self.adopted:
            return
        self.calls += 1
        if self.schedule.second and self.calls == self.schedule.second_at:
            self.second.set()
        for fault in self.faults.get(self.calls, ()):
            if fault.after:
                asyncio.get_running_loop().call_later(fault.after, self._befall, fault, process, host)
            else:
                self._befall(fault, process, host)

    def _befall(self, fault: Fault, process: Process, called: str) -> None:
        world = self.world
        hosts, balancers = list(world.hosts), list(world.balancers)
        other = hosts[fault.pick % len(hosts)]
        host = called if called in world.hosts else other
        match fault.kind:
            case "kill":
                process.kill()
            case "freeze":
                process.freeze(fault.seconds)
            case "cut":
                world.cut(called, fault.seconds)
            case "cut_other":
                world.cut(other, fault.seconds)
            case "cut_balancer":
                world.cut(balancers[fault.pick % len(balancers)], fault.seconds)
            case "reboot":
                world.reboot(host)
            case "reboot_other":
                world.reboot(other)
            case "kill_jobs":
                world.kill_jobs(host)
            case "fail_step":
                step = ("install", "configure", "restart", "warmup", "migrations")[fault.pick % 5]
                world.tell(f"FAULT: the next {step} on {host} will fail")
                world.hosts[host].failing.append(step)
            case "reload":
                world.reload(balancers[fault.pick % len(balancers)])
            case "lose_disk":
                world.lose_disk()


MOVING = (TaskKind.WARMUP, TaskKind.MIGRATIONS, TaskKind.ROLLOUT, TaskKind.FINISH)


def _task(operation: str, task: TaskSpec) -> Work:
    return lambda session: run_task(session, operation, task, new_driver(task.id, "maria"))


def _request(version: str, run: str) -> DeployRequest:
    return DeployRequest(version=version, by="maria", reason="simulated", run=run)
