"""The faults that only real hosts can have, by name."""

from __future__ import annotations

from lab.kind import Fault
from lab.real.fleet import Fleet


def real_faults(fleet: Fleet) -> dict[str, Fault]:
    """All of them, for the machines of one lab."""
    from lab.real.faults import alerts, balancers, clock, disk, network, packages, power, servers, ssh

    modules = (power, network, ssh, clock, disk, packages, balancers, servers, alerts)
    return {fault.name: fault for module in modules for fault in module.faults(fleet)}
