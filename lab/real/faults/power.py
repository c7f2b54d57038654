"""The plug of a machine."""

from __future__ import annotations

from lab.kind import Fault
from lab.real.fleet import Fleet


def faults(fleet: Fleet) -> list[Fault]:
    """Power off, and a reboot."""

    def boot(host: str) -> None:
        fleet.boot([host])

    def reboot(host: str) -> None:
        fleet.power_off(host)
        fleet.boot([host])

    return [
        Fault("power", "the host is off: every process ended at once, nobody listens", True, fleet.power_off, boot),
        Fault("reboot", "the host loses power and boots again; nothing is left to mend", True, reboot, boot),
    ]
