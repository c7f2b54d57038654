"""Rollouts of a role, on simulated hosts and balancers in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from takeoff.core.errors import BudgetSpent, CheckFailed, Superseded
from takeoff.core.reports import Result, RolloutReport
from takeoff.fleet.load_balancer import BalancerSilent
from takeoff.fleet.rollout import roll_out
from tests.fleet.simulated_fleet import NEW, OLD, SimulatedFleet, environment_of
from tests.fleet.simulated_rollout import ORDER, fleet_of, results
from tests.fleet.virtual_time import run_virtually


def test_every_host_is_moved_and_serves_again() -> None:
    simulated = fleet_of(4, batch=2, floor=2)
    report = run_virtually(roll_out(simulated.fleet, simulated.lease(), "web", stage="main"))
    assert results(report) == {f"main-web-{n}": Result.CHANGED for n in (1, 2, 3, 4)}
    assert simulated.serving("web") == set(results(report))
    assert simulated.breaches == []
    assert {host.version for name, host in simulated.hosts.items() if name != "deploy-01"} == {NEW}
    assert report.hosts[0].reason == f"{OLD} → {NEW}"


def test_steps_come_in_the_recipe_s_order() -> None:
    simulated = fleet_of(1, roles={"web": {"prepare": ["true"]}})
    run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert simulated.hosts["main-web-1"].steps == ["prepare", *ORDER]
    told = [step for host, step in simulated.told.steps if host == "main-web-1"]
    assert list(dict.fromkeys(told)) == [
        "draining", "preparing", "verifying the drain", "installing", "configuring", "restarting",
        "waiting until healthy", "going back into service", "done", "changed",
    ]  # fmt: skip


def test_the_next_host_begins_as_soon_as_one_is_back() -> None:
    simulated = fleet_of(3, batch=2)
    simulated.hosts["main-web-1"].seconds["install"] = 1000.0
    run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    ends = [host for host, step in simulated.told.steps if step == "done"]
    assert ends == ["main-web-2", "main-web-3", "main-web-1"]


def test_hosts_on_the_version_healthy_and_serving_are_unchanged_and_untouched() -> None:
    simulated = fleet_of(2)
    simulated.hosts["main-web-1"].version = NEW
    report = run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert results(report) == {"main-web-1": Result.UNCHANGED, "main-web-2": Result.CHANGED}
    assert report.hosts[0].reason == f"already on {NEW}, healthy and serving"
    assert simulated.hosts["main-web-1"].started == []


def test_a_second_run_changes_nothing() -> None:
    simulated = fleet_of(3)
    run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    before = {name: list(host.started) for name, host in simulated.hosts.items()}
    again = SimulatedFleet(simulated.environment)
    again.hosts, again.balancers = simulated.hosts, simulated.balancers
    report = run_virtually(roll_out(again.fleet, simulated.lease(epoch=2), "web"))
    assert set(results(report).values()) == {Result.UNCHANGED}
    assert {name: host.started for name, host in simulated.hosts.items()} == before


@pytest.mark.parametrize("role", ["web", "sidekiq"])
def test_a_host_whose_change_was_left_unfinished_is_not_taken_for_done(role: str) -> None:
    simulated = SimulatedFleet(environment_of({"main": {role: 1}}))
    host = simulated.hosts[f"main-{role}-1"]
    host.version, host.unfinished = NEW, NEW
    report = run_virtually(roll_out(simulated.fleet, simulated.lease(), role))
    assert host.steps == ORDER
    assert results(report) == {host.name: Result.CHANGED}


def test_a_retry_goes_on_at_the_step_that_failed() -> None:
    simulated = fleet_of(1)
    host = simulated.hosts["main-web-1"]
    host.failing["configure"] = 1

    async def both() -> RolloutReport:
        with pytest.raises(BudgetSpent, match="configure failed on purpose"):
            await roll_out(simulated.fleet, simulated.lease(), "web")
        assert not simulated.serves("main-web-1")
        return await roll_out(simulated.fleet, simulated.lease(epoch=2), "web")

    report = run_virtually(both())
    assert host.started == ["install", "configure", "configure", "restart"]
    assert results(report) == {"main-web-1": Result.CHANGED}
    assert simulated.serves("main-web-1")


@pytest.mark.parametrize("after", [1.0, 3.0, 15.0, 30.0, 36.0, 40.0])
def test_rule_5_a_driver_that_dies_is_followed_by_one_that_finishes_and_runs_nothing_twice(after: float) -> None:
    simulated = fleet_of(2)

    async def dies_then_another() -> RolloutReport:
        first = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "web"))
        await asyncio.sleep(after)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return await roll_out(simulated.fleet, simulated.lease(epoch=2), "web")

    report = run_virtually(dies_then_another())
    assert report.good
    for name in ("main-web-1", "main-web-2"):
        assert simulated.hosts[name].started == ORDER
    assert simulated.serving("web") == {"main-web-1", "main-web-2"}
    assert simulated.breaches == []


def test_rule_5_a_host_that_reboots_during_its_install_is_looked_at_and_finished() -> None:
    simulated = fleet_of(1)

    async def reboots() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "web"))
        await asyncio.sleep(10)
        simulated.hosts["main-web-1"].reboot()
        return await rollout

    report = run_virtually(reboots())
    assert results(report) == {"main-web-1": Result.CHANGED}
    assert "the host was rebooted" in report.hosts[0].reason


def test_when_the_budget_is_spent_hosts_in_flight_are_finished_and_none_begins() -> None:
    simulated = fleet_of(5, batch=2)
    simulated.hosts["main-web-1"].failing["install"] = 9
    simulated.hosts["main-web-2"].seconds["install"] = 100.0
    with pytest.raises(BudgetSpent) as spent:
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert results(spent.value.report) == {
        "main-web-1": Result.FAILED,
        "main-web-2": Result.CHANGED,
        "main-web-3": Result.NOT_REACHED,
        "main-web-4": Result.NOT_REACHED,
        "main-web-5": Result.NOT_REACHED,
    }
    assert "1 failed (0 allowed)" in str(spent.value)
    assert "main-web-1 at installing" in str(spent.value)
    assert "install failed on purpose" in str(spent.value)
    assert simulated.serving("web") == {f"main-web-{n}" for n in (2, 3, 4, 5)}


def test_hosts_within_the_budgets_are_put_to_maint_and_left_behind() -> None:
    simulated = fleet_of(4, failure_budget={"failed": 1, "unreachable": 1})
    simulated.hosts["main-web-1"].down = True
    simulated.hosts["main-web-2"].failing["restart"] = 9
    told: list[tuple[str, int]] = []

    async def leaving_behind(host: str, reason: str) -> None:
        told.append((host, [state for _, state in simulated.balancers["lb-01"].sets].count("maint")))

    rollout = roll_out(simulated.fleet, simulated.lease(), "web", leaving_behind=leaving_behind)
    report = run_virtually(rollout)
    assert results(report) == {
        "main-web-1": Result.UNREACHABLE,
        "main-web-2": Result.FAILED,
        "main-web-3": Result.CHANGED,
        "main-web-4": Result.CHANGED,
    }
    assert told == [("main-web-1", 0), ("main-web-2", 1)], "each is told before it is put to maint"
    states = {server.host.name: server.state for server in simulated.balancers["lb-01"].servers.values()}
    assert states == {"main-web-1": "maint", "main-web-2": "maint", "main-web-3": "ready", "main-web-4": "ready"}


def test_a_host_of_which_nobody_could_be_told_is_not_put_to_maint() -> None:
    simulated = fleet_of(3, failure_budget={"unreachable": 1})
    simulated.hosts["main-web-1"].down = True

    async def leaving_behind(host: str, reason: str) -> None:
        raise Superseded("a rollback has taken over")

    with pytest.raises(Superseded) as stopped:
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web", leaving_behind=leaving_behind))
    assert results(stopped.value.report)["main-web-1"] is Result.UNREACHABLE
    assert simulated.balancers["lb-01"].servers["web", "main-web-1"].state == "ready"


def test_more_unreachable_hosts_than_allowed_stop_the_rollout_before_anything_is_changed() -> None:
    simulated = fleet_of(3, failure_budget={"unreachable": 1})
    simulated.hosts["main-web-1"].down = simulated.hosts["main-web-3"].down = True
    with pytest.raises(BudgetSpent, match=r"2 unreachable \(1 allowed\)"):
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert simulated.hosts["main-web-2"].started == []
    assert simulated.balancers["lb-01"].sets == []


def test_the_silence_of_a_host_that_was_left_behind_before_costs_no_budget() -> None:
    simulated = fleet_of(3)
    simulated.hosts["main-web-1"].down = True
    report = run_virtually(roll_out(simulated.fleet, simulated.lease(), "web", left_behind={"main-web-1"}))
    assert results(report)["main-web-1"] is Result.UNREACHABLE
    assert len(report.of(Result.CHANGED)) == 2


def test_a_host_that_was_left_behind_is_taken_out_of_our_maint_when_it_returns() -> None:
    simulated = fleet_of(2)
    simulated.balancers["lb-01"].servers["web", "main-web-1"].state = "maint"
    report = run_virtually(roll_out(simulated.fleet, simulated.lease(), "web", left_behind={"main-web-1"}))
    assert results(report)["main-web-1"] is Result.CHANGED
    assert simulated.serving("web") == {"main-web-1", "main-web-2"}


@pytest.mark.parametrize(
    ("version", "state"),
    [
        pytest.param(NEW, "ready", id="on the version, and it serves"),
        pytest.param(NEW, "maint", id="on the version, and left behind"),
        pytest.param(OLD, "ready", id="on the old version"),
    ],
)
def test_a_host_on_which_a_former_driver_s_job_still_runs_is_neither_taken_for_done_nor_taken_out(
    version: str, state: str
) -> None:
    simulated = fleet_of(2)
    host = simulated.hosts["main-web-1"]
    host.version, host.seconds["prepare"] = version, 100.0
    simulated.balancers["lb-01"].servers["web", host.name].state = state

    async def play() -> tuple[RolloutReport, list[str]]:
        former = ("1", "journal-1", "lab-0", host.name, "prepare", "0", "0")
        await host.verb("job-ensure", former)  # heard late, as by a host that was cut off
        rollout = roll_out(simulated.fleet, simulated.lease(number=2, epoch=2), "web", left_behind={"main-web-1"})
        moved = asyncio.create_task(rollout)
        await asyncio.sleep(99.0)
        host.version = OLD  # what such a job may do, whatever it is called
        early = [name for name, state in simulated.balancers["lb-01"].sets if name == host.name]
        return await moved, early

    report, early = run_virtually(play())
    assert early == []
    assert results(report) == {"main-web-1": Result.CHANGED, "main-web-2": Result.CHANGED}
    assert host.version == NEW
    assert ("main-web-1", "waiting") in simulated.told.steps
    assert simulated.serving("web") == {"main-web-1", "main-web-2"}
    assert simulated.breaches == []


def test_a_job_that_does_not_end_keeps_its_host_out_and_is_named() -> None:
    simulated = fleet_of(2, roles={"web": {"step_timeout": "10m"}}, failure_budget={"failed": 1})
    host = simulated.hosts["main-web-1"]
    host.version, host.seconds["prepare"] = NEW, 10_000.0
    simulated.balancers["lb-01"].servers["web", host.name].state = "maint"

    async def play() -> RolloutReport:
        await host.verb("job-ensure", ("1", "journal-1", "lab-0", host.name, "prepare", "0", "0"))
        lease = simulated.lease(number=2, epoch=2)
        return await roll_out(simulated.fleet, lease, "web", left_behind={"main-web-1"})

    report = run_virtually(play())
    assert report.hosts[0].result is Result.FAILED
    assert "job lab-0/main-web-1/prepare still runs there after 600 s" in report.hosts[0].reason
    assert simulated.balancers["lb-01"].servers["web", host.name].state == "maint"


@pytest.mark.parametrize("version", [OLD, NEW])
def test_an_operator_s_own_maint_is_left_alone_and_told(version: str) -> None:
    simulated = fleet_of(2)
    simulated.balancers["lb-01"].servers["web", "main-web-1"].state = "maint"
    simulated.hosts["main-web-1"].version = version
    report = run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert simulated.hosts["main-web-1"].version == NEW
    assert simulated.balancers["lb-01"].servers["web", "main-web-1"].state == "maint"
    assert "was left so" in report.hosts[0].reason


def test_a_silent_balancer_stops_the_rollout_and_hosts_in_flight_are_finished_or_told() -> None:
    simulated = fleet_of(3)

    async def silenced() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "web"))
        await asyncio.sleep(10)
        simulated.balancers["lb-01"].silent = True
        return await rollout

    with pytest.raises(BalancerSilent, match="lb-01") as stopped:
        run_virtually(silenced())
    assert results(stopped.value.report) == {
        "main-web-1": Result.FAILED,
        "main-web-2": Result.NOT_REACHED,
        "main-web-3": Result.NOT_REACHED,
    }
    assert simulated.hosts["main-web-1"].version == NEW


def test_a_host_behind_two_balancers_is_out_of_both_before_it_is_unpacked() -> None:
    both = [{"name": name, "host": name, "backends": {"web": {"roles": ["web"]}}} for name in ("lb-01", "lb-02")]
    simulated = fleet_of(2, load_balancers=both)
    simulated.balancers["lb-02"].session_s = 9.0
    report = run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))
    assert report.good
    assert simulated.breaches == []
    for balancer in simulated.balancers.values():
        states = [state for name, state in balancer.sets if name == "main-web-1"]
        assert list(dict.fromkeys(states)) == ["drain", "ready"]


def test_a_server_that_a_balancer_does_not_know_is_named_with_the_balancer() -> None:
    simulated = fleet_of(2)
    del simulated.balancers["lb-01"].servers["web", "main-web-2"]
    with pytest.raises(CheckFailed, match="load balancer lb-01 has no server web/main-web-2"):
        run_virtually(roll_out(simulated.fleet, simulated.lease(), "web"))


def test_rule_1_a_superseded_driver_changes_nothing_more() -> None:
    simulated = fleet_of(3)

    async def superseded() -> RolloutReport:
        rollout = asyncio.create_task(roll_out(simulated.fleet, simulated.lease(), "web"))
        await asyncio.sleep(10)
        for host in simulated.hosts.values():
            host.epoch = 2
        for balancer in simulated.balancers.values():
            balancer.epoch = 2
        return await rollout

    with pytest.raises(Superseded) as stopped:
        run_virtually(superseded())
    assert simulated.hosts["main-web-1"].started == ["install"]
    assert simulated.hosts["main-web-2"].started == []
    assert results(stopped.value.report)["main-web-2"] is Result.NOT_REACHED


def test_a_rollback_moves_the_hosts_of_all_stages_with_its_own_batch() -> None:
    simulated = SimulatedFleet(
        environment_of({"canary": {"web": 1}, "main": {"web": 3}}, rollback_batch="50%", floor=2), version=NEW
    )
    report = run_virtually(roll_out(simulated.fleet, simulated.lease(OLD), "web", rollback=True))
    assert [outcome.host for outcome in report.hosts] == ["canary-web-1", "main-web-1", "main-web-2", "main-web-3"]
    assert {simulated.hosts[outcome.host].version for outcome in report.hosts} == {OLD}
    assert simulated.breaches == []
