"""Moves the hosts of a role to the operation's version, batch by batch, above the floor and within the budgets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

from takeoff.core.errors import BudgetSpent, CheckFailed, FloorReached, Halted, HostError, HostUnreachable, TakeoffError
from takeoff.core.operation import Lease
from takeoff.core.reports import HostOutcome, Result, RolloutReport
from takeoff.core.rollout_rules import Budget, Halt, Moment, batch_size, floor_count, may_be_held_out
from takeoff.core.strict_model import format_duration
from takeoff.fleet.fleet import Fleet
from takeoff.fleet.host_rollout import HostRollout
from takeoff.fleet.host_service import HostService
from takeoff.fleet.load_balancer import BalancerSilent
from takeoff.fleet.serving_hosts import LOOKS_AT_ONCE, ServingHosts

FLOOR_PATIENCE_S = 60.0
"""How long hosts may take to serve again before the floor ends a rollout: a balancer's checks are seconds behind."""

_LOOK_AGAIN_S = 2.0


Halting = Callable[[], Awaitable[Halt | None]]
"""Asked before each host begins: whether a person wants that none does."""


LeavingBehind = Callable[[str, str], Awaitable[None]]
"""Told a host and the reason before it is put to maint: whoever takes over then knows that this maint is ours."""


async def never() -> None:
    """Halt nothing."""


async def untold(host: str, reason: str) -> None:
    """Tell nobody."""


async def roll_out(
    fleet: Fleet,
    lease: Lease,
    role: str,
    *,
    stage: str | None = None,
    hosts: Collection[str] | None = None,
    rollback: bool = False,
    left_behind: Collection[str] = (),
    halted: Halting = never,
    leaving_behind: LeavingBehind = untold,
) -> RolloutReport:
    """Move a role's hosts to ``lease.operation.version``; safe to run again, only what is not done is done.

    The next host starts as soon as one is back in service. When a budget is spent, hosts in flight are finished and
    none begins.

    Args:
        fleet: the environment.
        lease: the right to change it.
        role: whose hosts.
        stage: whose hosts; ``None`` for those of all stages at once, as a rollback moves them.
        hosts: only these of them, as ``converge`` moves single hosts; all if ``None``.
        rollback: downgrade, with the rollback's batch size.
        left_behind: hosts that an earlier rollout put to maint; of those the maint is ours and is lifted.
        halted: asked before each host begins: whether a person wants that none begins. Hosts in flight are finished.
        leaving_behind: journals each host that failed or gave no answer within the budget, before it is put to maint;
            what it raises ends the rollout, and the host is left as it is.

    Returns:
        Every host once. The unreachable and failed ones in it are within the budget, and in maint.

    Raises:
        BudgetSpent: too many hosts failed or gave no answer; ``report`` has every host.
        FloorReached: no further host may leave without falling under the floor; ``report`` has every host.
        BalancerSilent: a balancer gave no answer, or could not be told this driver; hosts in flight were finished;
            ``report`` has every host.
        Halted: a person wanted it; ``report`` has every host.
        Superseded: another driver or operation has taken over; ``report`` has every host.
    """
    members = [member.host.name for member in fleet.environment.members(stage, role)]
    chosen = [host for host in members if hosts is None or host in hosts]
    rollout = _Rollout(fleet, lease, role, chosen, rollback, left_behind, halted)
    try:
        await rollout.run()
        await rollout.leave_behind(leaving_behind)
    except TakeoffError as error:
        error.report = rollout.report()
        raise
    return rollout.report()


class _Rollout:
    """One rollout in flight.

    Attributes:
        stopped: why no further host begins.
        slow: hosts that took, or take, longer than the environment allows.
        begun: how many hosts have begun.
        leaving: hosts without a balancer that were let go and are not back.
    """

    def __init__(
        self,
        fleet: Fleet,
        lease: Lease,
        role: str,
        hosts: list[str],
        rollback: bool,
        left_behind: Collection[str],
        halted: Halting,
    ) -> None:
        environment = fleet.environment
        everywhere = [member.host.name for member in environment.members(role=role)]
        self.fleet, self.lease, self.hosts, self.role = fleet, lease, hosts, role
        self.rollback, self.left_behind, self.halted = rollback, left_behind, halted
        self.recipe = environment.roles[role]
        self.batch = batch_size(environment.batch_for(role, rollback=rollback), len(hosts))
        self.floor = floor_count(environment.floor_for(role), len(everywhere))
        self.budget = Budget.of(environment.failure_budget, len(hosts))
        self.serving = ServingHosts(fleet, self.recipe, tuple(everywhere), self.floor)
        self.outcomes: dict[str, HostOutcome] = {}
        self.waiting: list[str] = []
        self.moving: dict[asyncio.Task[None], str] = {}
        self.stopped: TakeoffError | None = None
        self.leaving: set[str] = set()
        self.gate = asyncio.Lock()
        self.slow: set[str] = set()
        self.begun = 0
        self.halt: Halt | None = None

    def report(self) -> RolloutReport:
        reason = f"not begun, because {_why(self.stopped, self.halt)}"
        return RolloutReport(
            hosts=tuple(
                self.outcomes.get(host) or HostOutcome(host=host, result=Result.NOT_REACHED, reason=reason)
                for host in self.hosts
            )
        )

    async def run(self) -> None:
        """Move the hosts.

        Raises:
            TakeoffError: why it stopped; every host that had begun was finished.
        """
        # From here on no older driver can change who serves behind this one's back.
        await self.fleet.balancers.fence(self.lease)
        await self._look_at_all()
        try:
            while (self.waiting and not self.stopped) or self.moving:
                await self._begin()
                if self.moving:
                    await self._one_ended()
        except BaseException:
            # Cancelled, or a fault of ours: what runs on the hosts runs on, and the next try attaches to it.
            for task in self.moving:
                task.cancel()
            await asyncio.gather(*self.moving, return_exceptions=True)
            raise
        if self.stopped:
            # Hosts that were in flight have ended since: the message must count them too.
            match self.stopped:
                case BudgetSpent():
                    raise self._budget_spent()
                case Halted():
                    raise self._halted()
                case _:
                    raise self.stopped

    async def leave_behind(self, leaving_behind: LeavingBehind) -> None:
        """Put the hosts that the budget allows to fail to maint, so that no reload can let them serve.

        Told first, done then: a host in maint of which nobody was told would be taken for a person's.

        Raises:
            FloorReached: one gives no answer to us and serves its users still, and the floor needs it.
            BalancerSilent: a balancer gives no answer.
        """
        for one in self.report().of(Result.FAILED, Result.UNREACHABLE):
            host = one.host
            stands = (await self.fleet.balancers.look([host])).get(host)
            serving = await self.serving.now()
            held_out = stands.held_out if stands is not None else host not in serving
            if not may_be_held_out(host, serving, self.floor, held_out=held_out):
                now = "it serves" if host in serving else "it may serve again at any moment"
                raise FloorReached(
                    f"role {self.role}: {host} must be left behind ({one.reason}), but {now} and without it "
                    f"{len(serving - {host})} hosts would, under the floor of {self.floor}: repair it and try again"
                )
            await leaving_behind(host, one.reason)
            await self.fleet.balancers.put_to_maint(self.lease, host)
            self.fleet.progress.host(host, "left behind", one.reason)

    async def _look_at_all(self) -> None:
        """Take a first look at every host: what is as it should be needs no leave, and silence costs the budget now."""
        looks = await self.serving.first_look(self.hosts)
        standing = await self.fleet.balancers.look(self.hosts)
        as_it_should_be: dict[str, str] = {}
        for host in self.hosts:
            seen, stands = looks[host], standing.get(host)
            if isinstance(seen, HostError):
                self._record_error(host, seen, "first look", 0.0)
                continue
            in_place = stands is None or stands.serving
            by_hand = stands is not None and stands.only_kept_out_by_maint and host not in self.left_behind
            if seen.is_on(self.lease.operation.version) and seen.healthy and (in_place or by_hand):
                how = "serving" if in_place else "in maint by somebody else, which was left so"
                as_it_should_be[host] = f"already on {seen.version}, healthy and {how}"
        await self._leave_unchanged(as_it_should_be)
        self.waiting = [host for host in self.hosts if host not in self.outcomes]

    async def _leave_unchanged(self, hosts: dict[str, str]) -> None:
        """Record hosts as unchanged (host → reason), but those on which a job runs that may still change them."""
        few = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def look(host: str, reason: str) -> None:
            try:
                async with few:
                    disturbed = await self.fleet.jobs.running(self.lease, host)
            except HostError as error:
                self._record_error(host, error, "first look", 0.0)
            else:
                if not disturbed:
                    self._record(host, Result.UNCHANGED, reason)

        for ended in await asyncio.gather(*(look(*one) for one in hosts.items()), return_exceptions=True):
            if ended is not None:
                raise ended

    async def _begin(self) -> None:
        """Let every host begin that may now; decide to stop if none ever may."""
        give_up = self.fleet.clock.monotonic() + FLOOR_PATIENCE_S
        while self.waiting and not self.stopped and len(self.moving) < self.batch:
            try:
                self.halt = await self.halted()
                if self.halt is not None and self.halt.now(self.begun, self.batch):
                    self.stopped = self._halted()
                    return
                serving = await self.serving.now()
            except TakeoffError as error:
                self.stopped = error
                return
            out = frozenset(self.moving.values())
            moment = Moment(tuple(self.waiting), out, serving, self.batch, self.floor)
            if (host := moment.next_host()) is not None:
                self.waiting.remove(host)
                self.begun += 1
                self.moving[asyncio.create_task(self._move(host))] = host
            elif self.moving:
                return
            elif self.fleet.clock.monotonic() >= give_up:
                self.stopped = self._floor_reached(serving)
            else:
                await self.fleet.clock.sleep(_LOOK_AGAIN_S)

    async def _one_ended(self) -> None:
        done, _ = await asyncio.wait(self.moving, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in self.moving if task in done]:
            del self.moving[task]
            task.result()

    async def _move(self, host: str) -> None:
        fleet, started = self.fleet, self.fleet.clock.monotonic()
        ours = host in self.left_behind
        service = HostService(host, fleet.balancers, self.lease, fleet.clock, fleet.progress, maint_is_ours=ours)
        one = HostRollout(
            fleet,
            self.lease,
            host,
            self.recipe,
            self.serving.look_of(host),
            service,
            rollback=self.rollback,
            may_leave=lambda: self._may_leave(host),
        )
        watch = asyncio.create_task(self._watch_time(host, one))
        try:
            said = await one.run()
        except TakeoffError as error:
            own = isinstance(error, HostError | CheckFailed) and not isinstance(error, BalancerSilent | FloorReached)
            if not own:
                self.stopped = self.stopped or error
            self._record_error(host, error, one.step, fleet.clock.monotonic() - started, service.notes)
        else:
            told = "; ".join((said, *service.notes))
            self._record(host, Result.CHANGED, told, seconds=fleet.clock.monotonic() - started)
        finally:
            watch.cancel()
            self.leaving.discard(host)
            self.serving.forget(host)

    async def _watch_time(self, host: str, one: HostRollout) -> None:
        """Count a host as slow once its time is over; it goes on, and may be the last one to begin."""
        if (limit := self.fleet.environment.failure_budget.slow_after) is None:
            return
        await self.fleet.clock.sleep(limit.total_seconds())
        self.slow.add(host)
        self.fleet.progress.line(f"{host}: slow: {one.step} still after {format_duration(limit)}; it goes on")
        if self.stopped is None and self._spent():
            self.stopped = self._budget_spent()

    async def _may_leave(self, host: str) -> None:
        """Wait until the role can spare a host that is about to leave."""
        give_up = self.fleet.clock.monotonic() + FLOOR_PATIENCE_S
        while True:
            async with self.gate:
                serving = await self.serving.now(fresh=True)
                others = serving - self.leaving - {host}
                if host not in serving or len(others) >= self.floor:
                    self.leaving.add(host)
                    return
            if self.fleet.clock.monotonic() >= give_up:
                raise FloorReached(
                    f"role {self.role}: without {host} {len(others)} of {len(self.serving.hosts)} hosts would serve, "
                    f"and its floor is {self.floor}, so {host} may not leave for now: repair one of the others and try "
                    f"again, or lower roles.{self.role}.floor in the environment file"
                )
            await self.fleet.clock.sleep(_LOOK_AGAIN_S)

    def _record_error(
        self, host: str, error: TakeoffError, step: str, seconds: float, notes: Collection[str] = ()
    ) -> None:
        silent = isinstance(error, HostUnreachable) and not isinstance(error, BalancerSilent)
        told = "; ".join((str(error).removeprefix(f"{host}: "), *notes))
        self._record(host, Result.UNREACHABLE if silent else Result.FAILED, told, step=step, seconds=seconds)
        if self.stopped is None and self._spent():
            self.stopped = self._budget_spent()

    def _record(self, host: str, result: Result, reason: str, *, step: str = "", seconds: float = 0.0) -> None:
        self.outcomes[host] = HostOutcome(
            host=host, result=result, reason=reason, step=step, seconds=round(seconds, 3), slow=host in self.slow
        )
        self.fleet.progress.host(host, result.value, reason)

    def _spent(self) -> str:
        # What was left behind before is known to be silent, and costs nothing more.
        results = [
            outcome.result
            for host, outcome in self.outcomes.items()
            if outcome.result is not Result.UNREACHABLE or host not in self.left_behind
        ]
        # A slow host counts as such however it ends: what stopped the rollout must not be undone by it.
        return self.budget.spent_by(results.count(Result.FAILED), results.count(Result.UNREACHABLE), len(self.slow))

    def _budget_spent(self) -> BudgetSpent:
        report = self.report()
        bad = report.of(Result.FAILED, Result.UNREACHABLE)
        told = "\n".join(
            (
                *(f"{one.host} at {one.step}: {one.reason}" for one in bad),
                *(f"{one.host} took {one.seconds:.0f} s: {one.reason}" for one in report.hosts if one.slow),
            )
        )
        return BudgetSpent(
            f"role {self.role}: {self._spent()}, so the rollout stopped ({report.summary}); repair and try the task "
            f"again, only what is not done will be done:\n{told}"
        )

    def _halted(self) -> Halted:
        halt = self.halt or Halt(by="somebody", reason="no reason given", after="host")
        return Halted(
            f"role {self.role}: stopped by {halt.by} ({halt.reason}); the hosts in flight were finished and none began "
            f"after them ({self.report().summary}): {halt.then}"
        )

    def _floor_reached(self, serving: frozenset[str]) -> FloorReached:
        missing = ", ".join(host for host in self.serving.hosts if host not in serving) or "none"
        return FloorReached(
            f"role {self.role}: {len(serving)} of {len(self.serving.hosts)} hosts serve and its floor is {self.floor}, "
            f"so none of {', '.join(self.waiting)} may leave; not serving: {missing} — repair one and try again, or "
            f"lower roles.{self.role}.floor in the environment file"
        )


def _why(stopped: TakeoffError | None, halt: Halt | None) -> str:
    """Say for a host that was not reached what stopped the rollout; the error itself tells the rest."""
    match stopped:
        case BudgetSpent():
            return "a failure budget was spent"
        case FloorReached():
            return "the floor was reached"
        case Halted():
            return f"{halt.by} stopped the rollout ({halt.reason})" if halt else "the rollout was stopped"
        case BalancerSilent():
            return f"load balancer {stopped.host} gave no answer"
        case None:
            return "the rollout did not come so far"
        case _:
            return f"the rollout was stopped: {stopped}"
