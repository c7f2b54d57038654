"""Faults that are a sh script on the machine that breaks."""

from __future__ import annotations

from collections.abc import Callable

from lab.kind import Fault
from lab.real.fleet import Fleet
from lab.state import LabError


def run(fleet: Fleet, machine: str, script: str) -> str:
    """Run a script as root on a machine; its output.

    Raises:
        LabError: it failed; has its output.
    """
    done = fleet.run(machine, script, timeout_seconds=60)
    if done.status:
        raise LabError(f"{machine}: breaking or mending it failed ({done.status}): {done.output.strip()}")
    return done.output


def scripted(fleet: Fleet, name: str, summary: str, breaking: str, mending: str, machine: str = "") -> Fault:
    """A fault whose two halves are scripts that may be repeated.

    Args:
        fleet: the lab's machines.
        name: of the fault.
        summary: its effect.
        breaking: what breaks.
        mending: what mends.
        machine: where; when empty, a person names it.
    """

    def running(script: str) -> Callable[[str], None]:
        def act(host: str) -> None:
            run(fleet, machine or host, script)

        return act

    return Fault(name, summary, not machine, running(breaking), running(mending))
