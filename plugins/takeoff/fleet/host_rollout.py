"""Moves one host to the operation's version; run again, it goes on at the step that it had reached.

Every changing step is a host job: one that succeeded is found done, one that runs is attached to. Every look is taken
again. A host that is not healthy, or not on the version, is never put back into service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from takeoff.core.errors import CheckFailed, JobLost
from takeoff.core.operation import Lease
from takeoff.core.recipes import RoleRecipe
from takeoff.fleet.commands.command import HostCommand
from takeoff.fleet.commands.package_commands import install_package
from takeoff.fleet.commands.recipe_commands import configure, prepare, restart
from takeoff.fleet.fleet import Fleet
from takeoff.fleet.host_jobs import BUSY_PAUSE_S, JobResult
from takeoff.fleet.host_look import HostLook, look_at
from takeoff.fleet.host_service import HostService


async def _at_once() -> None:
    """Wait for nothing."""


@dataclass
class HostRollout:
    """One host on its way.

    Attributes:
        fleet: the environment.
        lease: the right to change it.
        host: its name.
        recipe: of its role.
        before: what the last look before any change saw.
        service: its way out of the balancers and back.
        rollback: allow a downgrade.
        may_leave: returns once the role can spare this host; asked right before it is drained, and right before
            anything stops a host that is in no balancer, or is not drained. Raises ``FloorReached`` if that does not
            come.
        step: where it is, for people.
    """

    fleet: Fleet
    lease: Lease
    host: str
    recipe: RoleRecipe
    before: HostLook
    service: HostService
    rollback: bool = False
    may_leave: Callable[[], Awaitable[None]] = _at_once
    step: str = field(default="waiting", init=False)

    @property
    def version(self) -> str:
        """Where the host is going."""
        return self.lease.operation.version

    async def run(self) -> str:
        """Bring the host to the version and back into service.

        Returns:
            What was done, in one line.

        Raises:
            CheckFailed: it is not drained, not healthy, or not on the version; it stays out of service, unless it was
                never taken out.
            FloorReached: its role cannot spare it now.
            CommandFailed, JobLost, HostUnreachable: of the step that ``step`` names.
            BalancerSilent, Superseded: not this host's fault; the rollout must stop.
        """
        await self._look_when_nothing_runs()
        if self._is_as_wanted():
            await self._back_into_service()
            return f"was on {self.version} and healthy, put back into service"
        if self.recipe.drain:
            self._at("draining")
            if self._is_balanced:
                await self.may_leave()
            untouched = self.before.healthy and self.before.status == "installed" and not self.before.unfinished
            await self.service.drain(self.recipe.drain_timeout.total_seconds(), untouched=untouched)
            async with self.service.kept_out():
                await self._change()
            await self._back_into_service()
        else:
            await self._change()
        self._at("done")
        if self.before.version == self.version:
            return f"the change to {self.version} that an earlier try had begun was finished"
        return f"{self.before.version or 'nothing'} → {self.version}"

    async def _look_when_nothing_runs(self) -> None:
        """Wait for what a former driver began, now: once the host is about to leave, no look may become old."""
        clock, limit_s = self.fleet.clock, self.recipe.step_timeout.total_seconds()
        give_up, waited = clock.monotonic() + limit_s, False
        while running := await self.fleet.jobs.running(self.lease, self.host):
            if clock.monotonic() >= give_up:
                raise CheckFailed(
                    f"{self.host}: job {running[0]} still runs there after {limit_s:.0f} s, so the host was left as it "
                    "is: wait for the job's end or stop it there, then try again"
                )
            self._at("waiting", f"job {running[0]} still runs there")
            waited = True
            await clock.sleep(BUSY_PAUSE_S)
        if waited or self._is_as_wanted():
            self.before = await look_at(self.fleet.transport, self.fleet.environment, self.host, self.recipe.health)

    @property
    def _is_balanced(self) -> bool:
        return self.fleet.balancers.know(self.host)

    def _is_as_wanted(self) -> bool:
        return self.before.is_on(self.version) and self.before.healthy

    async def _change(self) -> None:
        if self.recipe.prepare:
            await self._job("prepare", "preparing", prepare(self.recipe))
        if self.recipe.drain:
            self._at("verifying the drain")
            await self.service.verify_drained()
        install = install_package(self.fleet.environment, self.lease.operation, self.recipe, rollback=self.rollback)
        # A package that is not GitLab's may restart its services when it is installed.
        await self._job("install", "installing", install, stops=True)
        await self._job("configure", "configuring", configure(self.recipe))
        await self._job("restart", "restarting", restart(self.fleet.environment, self.recipe), stops=True)
        await self._until_healthy()

    async def _back_into_service(self) -> None:
        self._at("going back into service")
        await self.service.serve_again(self.recipe.health.timeout.total_seconds())

    async def _job(self, step: str, doing: str, command: HostCommand, *, stops: bool = False) -> JobResult:
        """Run a job; ``stops``: it may stop the host's services, so the role must be able to spare the host then."""
        self._at(doing)
        try:
            return await self._run(step, command, stops=stops)
        except JobLost as lost:
            # A reboot or kill: each of these jobs looks for itself how far the last attempt came and goes on there.
            self.service.notes.append(f"{command.describe} was lost and begun again: {lost}")
            self.fleet.progress.line(f"{lost}; beginning it again")
            return await self._run(step, command, stops=stops)

    async def _run(self, step: str, command: HostCommand, *, stops: bool) -> JobResult:
        if stops and not (self.recipe.drain and self._is_balanced):  # a drained one has left already
            await self.may_leave()
        return await self.fleet.jobs.run(
            self.lease,
            self.host,
            step,
            command.script,
            arguments=command.arguments,
            timeout_s=command.timeout_s,
            describe=command.describe,
        )

    async def _until_healthy(self) -> None:
        self._at("waiting until healthy")
        health, clock = self.recipe.health, self.fleet.clock
        give_up = clock.monotonic() + health.timeout.total_seconds()
        while True:
            seen = await look_at(self.fleet.transport, self.fleet.environment, self.host, health)
            if not seen.is_on(self.version):
                raise CheckFailed(_not_on(seen, self.version))
            if seen.healthy:
                return
            if clock.monotonic() >= give_up:
                raise CheckFailed(
                    f"{self.host}: not healthy {health.timeout.total_seconds():.0f} s after its restart "
                    f"({seen.health}), so it stays out of service: repair it and try again"
                )
            self._at("waiting until healthy", seen.health)
            await clock.sleep(health.interval.total_seconds())

    def _at(self, step: str, detail: str = "") -> None:
        self.step = step
        self.fleet.progress.host(self.host, step, detail)


def _not_on(seen: HostLook, version: str) -> str:
    if seen.version != version or seen.status != "installed":
        found = f"{seen.version} ({seen.status})" if seen.version else "nothing"
        why = f"{found} is installed instead of {version}, although the install ended well: somebody else changed it"
    elif seen.unfinished:
        why = f"a change to {seen.unfinished} is marked as unfinished there"
    else:
        why = "the file that keeps the package from reconfiguring itself is there again"
    return f"{seen.host}: {why}; it stays out of service: look at it, then `takeoff converge` brings it to {version}"
