"""Rule 2 in rollouts: never under the floor, never unpacked with sessions open, never put back unhealthy."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from takeoff.core.errors import BudgetSpent, FloorReached, TakeoffError
from takeoff.core.reports import Result, RolloutReport
from takeoff.core.rollout_rules import batch_size
from takeoff.fleet.rollout import roll_out
from tests.fleet.simulated_fleet import NEW, OLD, SimulatedFleet, environment_of
from tests.fleet.simulated_rollout import ORDER, fleet_of, results
from tests.fleet.virtual_time import run_virtually


def test_rule_2_nothing_begins_when_it_would_leave_fewer_serving_than_the_floor() -> None:
    simulated = fleet_of(3, floor=2)
    simulated.hosts["main-web-3"].healthy = False
    simulated.hosts["main-web-3"].failing["install"] = 9
    with pytest.raises(BudgetSpent) as stopped:
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    # The host that does not serve may go, because it takes nothing away; the others may not.
    assert results(stopped.value.report) == {
        "main-web-1": Result.NOT_REACHED,
        "main-web-2": Result.NOT_REACHED,
        "main-web-3": Result.FAILED,
    }


def test_rule_2_a_host_that_only_we_cannot_reach_is_not_put_to_maint_when_the_floor_needs_it() -> None:
    simulated = fleet_of(2, floor=2, failure_budget={"unreachable": 1})
    simulated.hosts["main-web-1"].cut = True
    simulated.hosts["main-web-2"].version = NEW
    with pytest.raises(FloorReached, match="main-web-1 must be left behind"):
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert simulated.serving("web") == {"main-web-1", "main-web-2"}


def test_rule_2_a_host_that_is_down_and_may_come_back_is_not_put_to_maint_when_the_floor_needs_it() -> None:
    simulated = fleet_of(2, floor=2, failure_budget={"unreachable": 1})
    simulated.hosts["main-web-1"].down = True
    simulated.hosts["main-web-2"].version = NEW
    with pytest.raises(FloorReached, match=r"main-web-1 must be left behind .* it may serve again at any moment"):
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert simulated.balancers["lb-01"].sets == []


def test_rule_2_a_floor_that_cannot_be_kept_is_named_with_the_hosts_that_do_not_serve() -> None:
    simulated = SimulatedFleet(environment_of({"canary": {"web": 2}, "main": {"web": 2}}, floor="50%"))
    simulated.hosts["canary-web-1"].healthy = simulated.hosts["canary-web-2"].healthy = False
    with pytest.raises(FloorReached, match="not serving: canary-web-1, canary-web-2") as stopped:
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web", stage="main"))
    assert set(results(stopped.value.report).values()) == {Result.NOT_REACHED}
    assert simulated.hosts["main-web-1"].started == []


def test_rule_2_the_floor_counts_a_role_without_balancer_by_its_hosts_health() -> None:
    simulated = SimulatedFleet(environment_of({"main": {"sidekiq": 3}}, batch=3, floor=2))
    assert run_virtually(roll_out(simulated.fleet, simulated.lease(), "sidekiq")).good
    assert simulated.breaches == []


def test_a_floor_of_zero_asks_hosts_without_balancer_only_before_and_after_their_own_change() -> None:
    simulated = SimulatedFleet(environment_of({"main": {"sidekiq": 8}}, batch=1, floor=0))
    simulated.hosts["main-sidekiq-8"].version = NEW

    assert run_virtually(roll_out(simulated.fleet, simulated.lease(), "sidekiq")).good

    assert [host.looks for name, host in simulated.hosts.items() if "sidekiq" in name] == [2] * 7 + [1]


def test_rule_2_a_host_without_balancer_is_not_restarted_when_another_fell_ill_while_it_was_prepared() -> None:
    simulated = SimulatedFleet(environment_of({"main": {"sidekiq": 3}}, batch=1, floor=2))

    async def one_falls_ill() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "sidekiq"))
        await asyncio.sleep(28)  # the first host is installed and configures, seconds before its restart
        simulated.hosts["main-sidekiq-3"].healthy = False
        return await rollout

    with pytest.raises(FloorReached, match="so main-sidekiq-1 may not leave") as stopped:
        run_virtually(one_falls_ill())
    assert simulated.breaches == []
    assert simulated.hosts["main-sidekiq-1"].started == ["install", "configure"]
    assert results(stopped.value.report)["main-sidekiq-2"] is Result.NOT_REACHED


def test_rule_2_a_host_is_not_drained_when_another_fell_ill_while_a_former_driver_s_job_was_waited_for() -> None:
    simulated = fleet_of(3, floor=2)
    host = simulated.hosts["main-web-1"]
    host.seconds["prepare"] = 100.0

    async def one_falls_ill() -> RolloutReport:
        await host.verb("job-ensure", ("1", "journal-1", "lab-0", host.name, "prepare", "0", "0"))
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(number=2, epoch=2), "web"))
        await asyncio.sleep(50)
        simulated.hosts["main-web-3"].healthy = False
        return await rollout

    with pytest.raises(FloorReached, match="so main-web-1 may not leave"):
        run_virtually(one_falls_ill())
    assert simulated.balancers["lb-01"].sets == []
    assert simulated.breaches == []


def test_rule_2_a_restart_that_a_reboot_cut_short_is_not_begun_again_when_another_fell_ill_meanwhile() -> None:
    simulated = SimulatedFleet(environment_of({"main": {"sidekiq": 3}}, batch=1, floor=2))
    host = simulated.hosts["main-sidekiq-1"]

    async def it_is_rebooted() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "sidekiq"))
        while "restart" not in host.started:
            await asyncio.sleep(1)
        await asyncio.sleep(2)  # longer than what was seen of the others counts as fresh
        host.reboot()
        host.healthy, simulated.hosts["main-sidekiq-3"].healthy = True, False
        return await rollout

    with pytest.raises(FloorReached, match="so main-sidekiq-1 may not leave"):
        run_virtually(it_is_rebooted())
    assert simulated.breaches == []
    assert host.started == ["install", "configure", "restart"]


def test_rule_2_a_restart_waits_for_a_host_of_its_role_that_comes_back() -> None:
    simulated = SimulatedFleet(environment_of({"main": {"sidekiq": 3}}, batch=1, floor=2))

    async def one_is_ill_for_a_while() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "sidekiq"))
        await asyncio.sleep(28)
        simulated.hosts["main-sidekiq-3"].healthy = False
        await asyncio.sleep(30)
        simulated.hosts["main-sidekiq-3"].healthy = True
        return await rollout

    assert run_virtually(one_is_ill_for_a_while()).good
    assert simulated.breaches == []


def test_rule_2_a_host_that_does_not_become_healthy_is_never_put_back() -> None:
    simulated = fleet_of(2, roles={"web": {"health": {"url": "http://localhost/", "timeout": "1m"}}})
    simulated.hosts["main-web-1"].never_healthy = True
    with pytest.raises(BudgetSpent, match="not healthy 60 s after its restart"):
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert ("main-web-1", "ready") not in simulated.balancers["lb-01"].sets
    assert simulated.breaches == []


@pytest.mark.parametrize("state", ["drain", "ready"])
def test_rule_2_a_host_in_the_middle_of_a_change_is_not_put_back_when_its_sessions_do_not_end(state: str) -> None:
    simulated = fleet_of(1, roles={"web": {"drain_timeout": "30s"}})
    host, balancer = simulated.hosts["main-web-1"], simulated.balancers["lb-01"]
    host.unfinished, host.status = NEW, "half-configured"
    server = balancer.servers["web", "main-web-1"]
    server.state, server.open_until, balancer.session_s = state, 1e9, 1e9
    with pytest.raises(BudgetSpent, match="it stays drained"):
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert server.state == "drain"
    assert simulated.breaches == []


def test_rule_2_a_host_that_only_the_balancer_finds_unhealthy_is_never_put_back() -> None:
    simulated = fleet_of(2, roles={"web": {"health": {"url": "http://localhost/", "timeout": "1m"}}})
    simulated.balancers["lb-01"].servers["web", "main-web-1"].cut_off = True
    with pytest.raises(BudgetSpent, match=r"lb-01 says of web/main-web-1 'DOWN L4CON': its health check does not pass"):
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert ("main-web-1", "ready") not in simulated.balancers["lb-01"].sets


def test_rule_2_nothing_is_unpacked_while_sessions_are_open() -> None:
    simulated = fleet_of(1, roles={"web": {"drain_timeout": "30s"}})
    simulated.balancers["lb-01"].session_s = 600.0
    with pytest.raises(BudgetSpent, match="1 sessions were still open 30 s after it was drained"):
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert simulated.hosts["main-web-1"].started == []
    assert simulated.serves("main-web-1")


@pytest.mark.parametrize("at", [1.0, 5.0, 20.0])
def test_rule_2_a_state_that_a_reload_reset_is_set_again_and_told(at: float) -> None:
    simulated = fleet_of(2)

    async def reloaded() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "web"))
        await asyncio.sleep(at)
        simulated.balancers["lb-01"].reload()
        return await rollout

    report = run_virtually(reloaded())
    assert report.good
    assert "as after a reload; it was drained again" in report.hosts[0].reason
    assert simulated.breaches == []


def test_rule_2_a_reload_while_a_host_is_down_does_not_let_it_serve_before_we_have_seen_it_healthy() -> None:
    simulated = fleet_of(1)
    simulated.hosts["main-web-1"].seconds["restart"] = 20.0

    async def reloaded() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "web"))
        await asyncio.sleep(40)
        assert not simulated.hosts["main-web-1"].healthy
        simulated.balancers["lb-01"].reload()
        await asyncio.sleep(5)
        assert simulated.balancers["lb-01"].servers["web", "main-web-1"].state == "drain"
        return await rollout

    assert run_virtually(reloaded()).good


def test_rule_2_sessions_that_come_back_before_the_install_keep_it_from_unpacking() -> None:
    recipe = {"prepare": ["make room"], "health": {"url": "http://localhost/"}}
    simulated = fleet_of(1, roles={"web": recipe})
    simulated.hosts["main-web-1"].seconds["prepare"] = 10.0
    simulated.balancers["lb-01"].session_s = 5.0

    async def reloaded() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "web"))
        await asyncio.sleep(13)  # drained at 5 s, prepared at 15 s
        simulated.balancers["lb-01"].reload()
        return await rollout

    with pytest.raises(BudgetSpent, match="sessions came while it was drained; nothing was unpacked"):
        run_virtually(reloaded())
    assert simulated.breaches == []
    assert simulated.hosts["main-web-1"].started == ["prepare"]


FAULTS = st.sampled_from(["none", "done", "install", "configure", "restart", "down", "cut", "sick", "maint"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    faults=st.lists(FAULTS, min_size=1, max_size=8),
    canary=st.integers(0, 2),
    batch=st.sampled_from([1, 2, 3, "25%", "50%", "100%"]),
    floor=st.sampled_from([0, 1, 2, "30%", "50%", "80%"]),
    failed=st.integers(0, 2),
    unreachable=st.integers(0, 2),
)
def test_rule_2_whatever_fails_batch_and_floor_hold_and_every_host_is_reported_once(
    faults: list[str], canary: int, batch: int | str, floor: int | str, failed: int, unreachable: int
) -> None:
    counts = {"canary": {"web": canary}} if canary else {}
    simulated = SimulatedFleet(
        environment_of(
            counts | {"main": {"web": len(faults)}},
            batch=batch,
            floor=floor,
            failure_budget={"failed": failed, "unreachable": unreachable},
            roles={"web": {"health": {"url": "http://localhost/", "timeout": "30s"}}},
        )
    )
    names = [f"main-web-{number}" for number in range(1, len(faults) + 1)]
    for name, fault in zip(names, faults, strict=True):
        host = simulated.hosts[name]
        host.version = NEW if fault == "done" else OLD
        host.down, host.cut = fault == "down", fault == "cut"
        host.healthy = fault != "sick"
        host.never_healthy = fault == "sick"
        if fault == "maint":
            simulated.balancers["lb-01"].servers["web", name].state = "maint"
        if fault in ORDER:
            host.failing[fault] = 99
    at_once = batch_size(simulated.environment.batch_for("web"), len(faults))
    out: set[str] = set()
    most = 0
    plain = simulated.told.host

    def host_told(host: str, step: str, detail: str = "") -> None:
        nonlocal most
        plain(host, step, detail)
        if step in ("draining", "going back into service"):
            out.add(host)
            most = max(most, len(out))
        elif step in {result.value for result in Result}:
            out.discard(host)

    simulated.told.host = host_told  # type: ignore[method-assign]
    try:
        report: RolloutReport | None = run_virtually(roll_out(simulated.fleet, simulated.lease(), "web", stage="main"))
    except TakeoffError as error:
        report = error.report
    assert report is not None
    assert [outcome.host for outcome in report.hosts] == names
    assert all(outcome.reason for outcome in report.hosts)
    assert most <= at_once
    assert simulated.breaches == []
    for outcome in report.hosts:
        if outcome.result is Result.CHANGED:
            assert simulated.hosts[outcome.host].version == NEW
            assert simulated.hosts[outcome.host].healthy
