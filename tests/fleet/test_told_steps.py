"""What the fleet page makes of the steps that a rollout tells, against what is true on the hosts at that moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from takeoff.core.fleet_progress import ON_TARGET_STEPS
from takeoff.fleet.rollout import roll_out
from tests.fleet.simulated_fleet import NEW, OLD, SimulatedFleet, environment_of
from tests.fleet.virtual_time import run_virtually


class Witness:
    """Notes the version that a host really has when a step is told of it."""

    def __init__(self, simulated: SimulatedFleet) -> None:
        self._hosts = simulated.hosts
        self.seen: dict[str, set[str]] = {}

    def host(self, host: str, step: str, detail: str = "") -> None:
        self.seen.setdefault(step, set()).add(self._hosts[host].version)

    def line(self, text: str) -> None:
        pass


@pytest.mark.parametrize("drain", [True, False], ids=["drained", "not drained"])
def test_the_steps_that_show_the_new_version_are_told_of_hosts_that_have_it(drain: bool) -> None:
    simulated = SimulatedFleet(environment_of({"main": {"web": 2}}, roles={"web": {"drain": drain}}))
    witness = Witness(simulated)
    run_virtually(roll_out(replace(simulated.fleet, progress=witness), simulated.lease(), "web"))
    told = {step: versions for step, versions in witness.seen.items() if step in ON_TARGET_STEPS}
    assert {"configuring", "restarting", "waiting until healthy", "done"} <= set(told)
    assert set.union(*told.values()) == {NEW}
    assert witness.seen["installing"] == {OLD}
