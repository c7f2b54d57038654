"""Downloads and verifies the operation's package on every host; installs nothing."""

from __future__ import annotations

from takeoff.core.operation import Lease
from takeoff.core.reports import RolloutReport
from takeoff.fleet.fleet import Fleet


async def warm_up(fleet: Fleet, lease: Lease, *, rollback: bool = False) -> RolloutReport:
    """Download on the blessed node and every host, at most ``warmup_parallel`` at once, disk space looked at first.

    Only what is missing or damaged is fetched again; the file in apt's cache is compared with the SHA256 that the
    operation pinned.

    Returns:
        Every host once: changed (fetched, with the number of bytes), unchanged (it was there), or, within the
        failure budget of the environment, unreachable.

    Raises:
        BudgetSpent: on some host it cannot be had; ``report`` has every host.
        Superseded: another driver or operation has taken over.
    """
    raise NotImplementedError
