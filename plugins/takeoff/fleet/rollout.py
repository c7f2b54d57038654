"""Moves the hosts of a role to the operation's version, batch by batch, above the floor and within the budgets."""

from __future__ import annotations

from collections.abc import Callable, Collection

from takeoff.core.operation import Lease
from takeoff.core.reports import RolloutReport
from takeoff.fleet.fleet import Fleet


async def roll_out(
    fleet: Fleet,
    lease: Lease,
    role: str,
    *,
    stage: str | None = None,
    rollback: bool = False,
    left_behind: Collection[str] = (),
    halted: Callable[[], bool] = lambda: False,
) -> RolloutReport:
    """Move a role's hosts to ``lease.operation.version``; safe to run again, only what is not done is done.

    The next host starts as soon as one is back in service. When a budget is spent, hosts in flight are finished and
    none begins.

    Args:
        fleet: the environment.
        lease: the right to change it.
        role: whose hosts.
        stage: whose hosts; ``None`` for those of all stages at once, as a rollback moves them.
        rollback: downgrade, with the rollback's batch size.
        left_behind: hosts that an earlier rollout put to maint; of those the maint is ours and is lifted.
        halted: asked before each host begins; once it says yes none begins, as when a budget is spent.

    Returns:
        Every host once. The unreachable and failed ones in it are within the budget; they are in maint and must be
        journalled as left behind: see :func:`left_behind_by`.

    Raises:
        BudgetSpent: too many hosts failed or gave no answer; ``report`` has every host.
        FloorReached: no further host may leave without falling under the floor; ``report`` has every host.
        BalancerSilent: a balancer gave no answer; hosts in flight were finished; ``report`` has every host.
        CheckFailed: it was halted; ``report`` has every host.
        Superseded: another driver or operation has taken over.
    """
    raise NotImplementedError


def left_behind_by(report: RolloutReport) -> dict[str, str]:
    """Name the hosts that a rollout which ended within its budgets left behind: host → reason."""
    raise NotImplementedError
