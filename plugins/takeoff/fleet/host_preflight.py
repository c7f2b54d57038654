"""Looks at every host and balancer before anything changes: read-only, all at once, all findings in one report."""

from __future__ import annotations

from collections.abc import Collection

from takeoff.core.preflight_report import HostsReport
from takeoff.fleet.fleet import Fleet


async def look_at_hosts(fleet: Fleet, *, version: str = "", left_behind: Collection[str] = ()) -> HostsReport:
    """Look at the blessed node, every host and every balancer.

    Looked at: reachable, host key and login, becoming root, disk, dpkg's state and lock, holds, clock, memory,
    ``auto_migrate`` off everywhere but on the blessed node, installed version; every server known to its balancer
    and ready or in maint; room above the floor for one host of each role.

    Args:
        fleet: the environment.
        version: what shall be installed; disk space is not asked of hosts that run it already.
        left_behind: hosts known to be left behind; their silence is told, and blocks nothing.

    Returns:
        All findings. An unreachable host is a finding, not an exception.
    """
    raise NotImplementedError
