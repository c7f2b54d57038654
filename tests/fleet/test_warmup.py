"""Warmup of all hosts, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from takeoff.core.errors import BudgetSpent, Superseded
from takeoff.core.reports import Result, RolloutReport
from takeoff.fleet.warmup import fetched_bytes, warm_up
from tests.fleet.simulated_rollout import fleet_of, results
from tests.fleet.virtual_time import run_virtually


def test_every_host_and_the_blessed_node_download_and_the_bytes_are_told() -> None:
    simulated = fleet_of(3)
    report = run_virtually(warm_up(simulated.fleet, simulated.lease()))
    assert list(results(report)) == ["deploy-01", "main-web-1", "main-web-2", "main-web-3"]
    assert set(results(report).values()) == {Result.CHANGED}
    assert fetched_bytes(report) == 4000
    assert all(host.started == ["warmup"] for host in simulated.hosts.values())


def test_no_more_hosts_than_allowed_download_at_once() -> None:
    simulated = fleet_of(9, warmup_parallel=4)

    async def timed() -> float:
        await warm_up(simulated.fleet, simulated.lease())
        return asyncio.get_running_loop().time()

    # Ten downloads of 5 s each, four at a time.
    assert 15 < run_virtually(timed()) < 16


def test_only_hosts_on_which_it_failed_download_again() -> None:
    simulated = fleet_of(3)
    simulated.hosts["main-web-2"].failing["warmup"] = 1

    async def twice() -> RolloutReport:
        with pytest.raises(BudgetSpent, match=r"main-web-2: .*warmup failed on purpose") as spent:
            await warm_up(simulated.fleet, simulated.lease())
        assert results(spent.value.report)["main-web-3"] is Result.CHANGED
        return await warm_up(simulated.fleet, simulated.lease(epoch=2))

    report = run_virtually(twice())
    assert results(report) == {
        "deploy-01": Result.UNCHANGED,
        "main-web-1": Result.UNCHANGED,
        "main-web-2": Result.CHANGED,
        "main-web-3": Result.UNCHANGED,
    }
    assert fetched_bytes(report) == 1000
    assert simulated.hosts["main-web-1"].started == ["warmup"]


def test_an_unreachable_host_within_the_budget_is_told_and_stops_nothing() -> None:
    simulated = fleet_of(3, failure_budget={"unreachable": 1})
    simulated.hosts["main-web-2"].down = True
    report = run_virtually(warm_up(simulated.fleet, simulated.lease()))
    assert results(report)["main-web-2"] is Result.UNREACHABLE


def test_the_silence_of_a_host_that_was_left_behind_before_costs_no_budget() -> None:
    simulated = fleet_of(3)
    simulated.hosts["main-web-1"].down = True
    report = run_virtually(warm_up(simulated.fleet, simulated.lease(), left_behind={"main-web-1"}))
    assert [one.host for one in report.of(Result.UNREACHABLE)] == ["main-web-1"]


def test_rule_1_a_superseded_driver_stops() -> None:
    simulated = fleet_of(3)
    simulated.hosts["main-web-1"].epoch = 9
    with pytest.raises(Superseded):
        run_virtually(warm_up(simulated.fleet, simulated.lease()))
