"""The look at all hosts and balancers before anything changes, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from takeoff.core.errors import HostKeyRejected, HostLoginRejected
from takeoff.core.gates import Weight
from takeoff.core.preflight_report import HostsReport
from takeoff.fleet.host_preflight import look_at_hosts
from tests.fleet import simulated_rollout
from tests.fleet.simulated_fleet import OLD, SimulatedFleet, environment_of
from tests.fleet.virtual_time import run_virtually


def fleet_of(web: int, **settings: object) -> SimulatedFleet:
    simulated = simulated_rollout.fleet_of(web, **settings)
    simulated.hosts["deploy-01"].facts["auto_migrate"] = "true"
    return simulated


def look(simulated: SimulatedFleet, **options: object) -> HostsReport:
    return run_virtually(look_at_hosts(simulated.fleet, **options))  # type: ignore[arg-type]


def test_a_good_fleet_has_no_findings_and_its_versions_are_told() -> None:
    report = look(fleet_of(2))
    assert report.findings == ()
    assert report.looked_at == ("deploy-01", "main-web-1", "main-web-2")
    assert report.installed == dict.fromkeys(report.looked_at, OLD)
    assert report.serving == {"main-web-1": "UP", "main-web-2": "UP"}


def test_all_findings_of_all_hosts_come_at_once_in_the_fleet_s_order() -> None:
    simulated = fleet_of(3)
    simulated.hosts["main-web-1"].facts["free_mib"] = "10"
    simulated.hosts["main-web-2"].down = True
    simulated.hosts["main-web-3"].facts["auto_migrate"] = "true"
    report = look(simulated, version="17.2.0-ee.0")
    assert [(finding.host, finding.message.split(":")[0]) for finding in report.blockers][:3] == [
        ("main-web-1", "10 MiB are free, 10240 are needed"),
        ("main-web-2", "gives no answer"),
        ("main-web-3", "auto_migrate is not off"),
    ]
    assert all(finding.lifts for finding in report.blockers)


def test_nothing_is_changed_by_looking() -> None:
    simulated = fleet_of(3)
    look(simulated)
    assert all(host.started == [] for host in simulated.hosts.values())
    assert simulated.balancers["lb-01"].sets == []


def test_hosts_are_asked_all_at_the_same_time() -> None:
    simulated = fleet_of(60)
    simulated.latency_s = 1.0

    async def timed() -> float:
        await look_at_hosts(simulated.fleet)
        return asyncio.get_running_loop().time()

    assert run_virtually(timed()) < 3


@pytest.mark.parametrize(
    ("error", "lifts"),
    [
        (HostKeyRejected("main-web-1", "its key is not the known one"), "known_hosts"),
        (HostLoginRejected("main-web-1", "refuses our key"), "sudo -n"),
    ],
)
def test_rule_6_a_host_that_we_cannot_trust_or_enter_blocks(
    error: Exception, lifts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated = fleet_of(2)
    run = simulated.run

    async def refuses(host: str, *arguments: object, **options: object) -> object:
        if host == "main-web-1":
            raise error
        return await run(host, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(simulated, "run", refuses)
    (blocker,) = look(simulated).blockers
    assert blocker.host == "main-web-1"
    assert lifts in blocker.lifts


def test_a_host_that_is_left_behind_is_told_and_blocks_nothing() -> None:
    simulated = fleet_of(3)
    simulated.hosts["main-web-1"].cut = True
    simulated.balancers["lb-01"].servers["web", "main-web-1"].state = "maint"
    report = look(simulated, left_behind={"main-web-1"})
    assert report.blockers == ()
    assert {finding.weight for finding in report.findings} == {Weight.TOLD}
    assert "left behind" in report.findings[0].message


def test_a_server_that_is_neither_ready_nor_in_maint_blocks_and_maint_is_told() -> None:
    simulated = fleet_of(4)
    simulated.hosts["main-web-1"].healthy = False
    simulated.balancers["lb-01"].servers["web", "main-web-2"].state = "drain"
    simulated.balancers["lb-01"].servers["web", "main-web-3"].state = "maint"
    report = look(simulated)
    assert [finding.message for finding in report.blockers] == [
        "web/main-web-1 is DOWN at lb-01: L4CON",
        "web/main-web-2 is DRAIN at lb-01: L7OK",
    ]
    (told,) = (finding for finding in report.findings if finding.weight is Weight.TOLD)
    assert told.message == "web/main-web-3 is MAINT at lb-01, by somebody; it is left so"


def test_a_server_that_a_balancer_lacks_is_named_with_the_balancer() -> None:
    simulated = fleet_of(3)
    del simulated.balancers["lb-01"].servers["web", "main-web-2"]
    (blocker,) = look(simulated).blockers
    assert (blocker.host, blocker.message) == ("lb-01", "it has no server web/main-web-2")


def test_rule_6_a_silent_balancer_blocks() -> None:
    simulated = fleet_of(3)
    simulated.balancers["lb-01"].silent = True
    (blocker,) = look(simulated).blockers
    assert blocker.host == "lb-01"
    assert "gives no answer" in blocker.message


def test_rule_2_a_role_that_stands_at_its_floor_blocks() -> None:
    (blocker,) = look(fleet_of(3, floor="100%")).blockers
    assert blocker.message == "role web: 3 of 3 hosts serve and the floor is 3, so none may leave main"


@pytest.mark.parametrize(
    ("behind", "floor", "blocking", "told"),
    [
        ((1,), 2, False, "2 of 3 hosts serve and the floor is 2, so main-web-1, left behind and back again, has to"),
        ((1, 2), 2, False, "1 of 3 hosts serve and the floor is 2, so main-web-1, main-web-2, left behind and back"),
        ((1,), 3, True, "2 of 3 hosts serve and the floor is 3, so none may leave main"),
    ],
    ids=["one of three", "two of three", "all would be needed"],
)
def test_rule_2_at_the_floor_a_host_that_was_left_behind_and_answers_again_goes_first(
    behind: tuple[int, ...], floor: int, blocking: bool, told: str
) -> None:
    simulated = fleet_of(3, floor=floor)
    hosts = {f"main-web-{number}" for number in behind}
    for host in hosts:
        simulated.balancers["lb-01"].servers["web", host].state = "maint"
    report = look(simulated, left_behind=hosts, version="17.2.0-ee.0")
    (found,) = (finding for finding in report.findings if finding.message.startswith("role web: "))
    assert found.message.startswith(f"role web: {told}")
    assert (found in report.blockers) is blocking


def test_rule_2_a_host_that_comes_back_in_a_later_stage_does_not_help_an_earlier_one() -> None:
    simulated = SimulatedFleet(environment_of({"canary": {"web": 1}, "main": {"web": 2}}, floor=2))
    simulated.balancers["lb-01"].servers["web", "main-web-1"].state = "maint"
    blockers = [one.message for one in look(simulated, left_behind={"main-web-1"}, version="17.2.0-ee.0").blockers]
    assert "role web: 2 of 3 hosts serve and the floor is 2, so none may leave canary" in blockers


def test_rule_2_at_the_floor_a_host_that_was_left_behind_and_is_silent_still_blocks() -> None:
    simulated = fleet_of(3, floor=2)
    simulated.hosts["main-web-1"].cut = True
    simulated.balancers["lb-01"].servers["web", "main-web-1"].state = "maint"
    (blocker,) = look(simulated, left_behind={"main-web-1"}).blockers
    assert blocker.message == "role web: 2 of 3 hosts serve and the floor is 2, so none may leave main"


def test_a_role_at_its_floor_blocks_nothing_when_no_host_has_to_leave() -> None:
    assert look(fleet_of(3, floor="100%"), version=OLD).blockers == ()
