"""Rule 1 in rollouts: no host leaves before every balancer node refuses the drivers before this one."""

from __future__ import annotations

import asyncio

import pytest

from takeoff.core.errors import Superseded
from takeoff.core.reports import Result, RolloutReport
from takeoff.fleet.load_balancer import BalancerSilent
from takeoff.fleet.rollout import roll_out
from tests.fleet.simulated_rollout import fleet_of
from tests.fleet.virtual_time import run_virtually


def test_rule_1_every_balancer_node_knows_the_driver_before_a_host_is_looked_at() -> None:
    simulated = fleet_of(2)
    calls: list[str] = []
    plain = simulated.run

    async def listening(host: str, script: str, arguments: tuple[str, ...] = (), **more: float) -> object:
        calls.append(f"{host} {arguments[0] if arguments else 'look'}")
        return await plain(host, script, arguments, **more)  # type: ignore[arg-type]

    simulated.run = listening  # type: ignore[method-assign, assignment]
    assert run_virtually(roll_out(simulated.fleet, simulated.lease(epoch=7), "web")).good
    assert calls[0] == "lb-01 fence"
    assert simulated.balancers["lb-01"].epoch == 7


def test_rule_1_no_host_begins_while_a_balancer_answers_looks_and_cannot_be_told_the_driver() -> None:
    simulated = fleet_of(2)
    simulated.balancers["lb-01"].unfenced = True
    with pytest.raises(BalancerSilent, match="lb-01: it could not be told who drives now") as stopped:
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert {one.result for one in stopped.value.report.hosts} == {Result.NOT_REACHED}
    assert all(host.started == [] for host in simulated.hosts.values())
    assert simulated.balancers["lb-01"].sets == []


def test_rule_1_a_rollout_waits_for_a_balancer_that_can_be_told_a_moment_later() -> None:
    simulated = fleet_of(1)
    simulated.balancers["lb-01"].unfenced = True

    async def reachable_later() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "web"))
        await asyncio.sleep(5)
        assert simulated.balancers["lb-01"].sets == []
        simulated.balancers["lb-01"].unfenced = False
        return await rollout

    assert run_virtually(reachable_later()).good


def test_rule_1_a_driver_that_a_balancer_knows_to_be_superseded_stops_before_any_host() -> None:
    simulated = fleet_of(1)
    simulated.balancers["lb-01"].epoch = 9
    with pytest.raises(Superseded):
        run_virtually(roll_out(simulated.fleet, simulated.lease(epoch=8), "web"))
    assert simulated.hosts["main-web-1"].started == []
