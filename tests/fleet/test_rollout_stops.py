"""Rollouts that stop before every host is moved: asked to by a person, or because hosts are slow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal

import pytest

from takeoff.core.errors import BudgetSpent, CheckFailed, Halted, HostUnreachable
from takeoff.core.reports import Result, RolloutReport
from takeoff.core.rollout_rules import Halt
from takeoff.fleet.rollout import roll_out
from tests.fleet.simulated_fleet import SimulatedFleet
from tests.fleet.simulated_rollout import fleet_of
from tests.fleet.virtual_time import run_virtually

C, N = Result.CHANGED, Result.NOT_REACHED


def results(report: RolloutReport | None) -> list[Result]:
    assert report is not None
    return [outcome.result for outcome in report.hosts]


def ended(rollout: Coroutine[Any, Any, RolloutReport]) -> tuple[RolloutReport | None, str]:
    """Run a rollout that may stop: its report, and what it stopped with."""
    try:
        return run_virtually(rollout), ""
    except CheckFailed as error:
        return error.report, str(error)


def asked_once_begun(
    simulated: SimulatedFleet, host: str, after: Literal["host", "batch"]
) -> Callable[[], Awaitable[Halt | None]]:
    """A person stops the rollout once that host has begun to install."""

    async def asked() -> Halt | None:
        begun = "install" in simulated.hosts[host].started
        then = "`takeoff resume lab`, then try the task again"
        return Halt(by="maria", reason="incident 12", after=after, then=then) if begun else None

    return asked


@pytest.mark.parametrize(
    ("batch", "after", "once", "expected"),
    [
        pytest.param(1, "host", "main-web-1", [C, N, N, N, N], id="after the host"),
        pytest.param(2, "host", "main-web-1", [C, C, N, N, N], id="hosts in flight are finished"),
        pytest.param(2, "host", "main-web-3", [C, C, C, N, N], id="after the host, in the middle of a batch"),
        pytest.param(2, "batch", "main-web-3", [C, C, C, C, N], id="after the batch"),
        pytest.param(1, "batch", "main-web-5", [C, C, C, C, C], id="too late to stop anything"),
    ],
)
def test_a_rollout_that_is_stopped_finishes_what_it_must_and_says_why_it_reached_no_more(
    batch: int, after: Literal["host", "batch"], once: str, expected: list[Result]
) -> None:
    simulated = fleet_of(5, batch=batch)
    # The second of two that begin together is slower, so that there is a moment with one in flight.
    simulated.hosts["main-web-2"].seconds["install"] = 25.0
    asked = asked_once_begun(simulated, once, after)
    report, told = ended(roll_out(simulated.fleet, simulated.lease(), "web", halted=asked))
    assert results(report) == expected
    if N in expected:
        assert "stopped by maria (incident 12)" in told
        assert f"{expected.count(C)} changed, {expected.count(N)} not reached" in told
        assert "takeoff resume lab" in told
    assert report is not None
    for outcome in report.of(N):
        assert outcome.reason == "not begun, because maria stopped the rollout (incident 12)"
    # The quiet state: nothing in flight, everything serves.
    assert simulated.serving("web") == set(simulated.hosts) - {"deploy-01"}
    assert simulated.breaches == []


def test_a_stopped_rollout_goes_on_where_it_was_once_nobody_stops_it() -> None:
    simulated = fleet_of(3)
    with pytest.raises(Halted):
        run_virtually(
            roll_out(
                simulated.fleet, simulated.lease(), "web", halted=asked_once_begun(simulated, "main-web-1", "host")
            )
        )
    again = SimulatedFleet(simulated.environment)
    again.hosts, again.balancers = simulated.hosts, simulated.balancers
    report = run_virtually(roll_out(again.fleet, simulated.lease(epoch=2), "web"))
    assert results(report) == [Result.UNCHANGED, C, C]


def test_rule_6_a_rollout_that_cannot_know_whether_it_is_to_stop_begins_no_further_host() -> None:
    simulated = fleet_of(3)

    async def asked() -> Halt | None:
        if simulated.hosts["main-web-1"].started:
            raise HostUnreachable("deploy-01", "gives no answer")
        return None

    with pytest.raises(HostUnreachable) as stopped:
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web", halted=asked))
    assert results(stopped.value.report) == [C, N, N]


SLOW = {"slow": 1, "slow_after": "2m"}


@pytest.mark.parametrize(
    ("slow", "expected"),
    [
        pytest.param([], [C, C, C, C], id="none is slow"),
        pytest.param([1], [C, C, C, C], id="within the budget"),
        pytest.param([1, 2], [C, C, N, N], id="the budget is spent"),
    ],
)
def test_slow_hosts_are_finished_and_count_against_their_budget(slow: list[int], expected: list[Result]) -> None:
    simulated = fleet_of(4, failure_budget=SLOW)
    for number in slow:
        simulated.hosts[f"main-web-{number}"].seconds["configure"] = 300.0
    report, told = ended(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert report is not None
    if N in expected:
        assert "2 slow (1 allowed)" in told
        assert "main-web-2 took" in told
    assert results(report) == expected
    assert [outcome.host for outcome in report.hosts if outcome.slow] == [f"main-web-{number}" for number in slow]
    assert simulated.serving("web") == set(simulated.hosts) - {"deploy-01"}


def test_a_spent_slow_budget_keeps_hosts_from_beginning_while_the_slow_one_still_works() -> None:
    simulated = fleet_of(4, batch=2, failure_budget=SLOW | {"slow": 0})
    simulated.hosts["main-web-1"].seconds["install"] = 1000.0
    simulated.hosts["main-web-2"].seconds["install"] = 150.0
    with pytest.raises(BudgetSpent) as spent:
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert results(spent.value.report) == [C, C, N, N]


def test_a_slow_host_that_fails_in_the_end_counts_against_both_budgets() -> None:
    simulated = fleet_of(2, failure_budget=SLOW | {"slow": 0, "failed": 1})
    simulated.hosts["main-web-1"].seconds["configure"] = 119.0
    simulated.hosts["main-web-1"].failing["configure"] = 1
    with pytest.raises(BudgetSpent, match=r"role web: 1 slow \(0 allowed\)") as spent:
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert results(spent.value.report) == [Result.FAILED, N]
