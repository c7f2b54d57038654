"""What the judges call a breach, and what they must not call one."""

from dataclasses import replace
from typing import Any

import pytest

from lab.observer.rules.crash import Crash
from lab.observer.rules.floor import Floor
from lab.observer.rules.judge import Fleet, Judge
from lab.observer.rules.migrations import Migrations
from lab.observer.rules.one_operation import OneOperation
from lab.observer.sights import DatabaseSight, HostSight, JobSight, Look, ProcessSight, ServerSight, UnpackSight

FLEET = Fleet(
    blessed="deploy-01",
    addresses={"10.0.0.5": "deploy-01", "10.0.0.6": "web-01"},
    backends={"web": ("web-01", "web-02", "web-03")},
    floors={"web": 2},
)
HEALTHY = HostSight(on=True, package="17.1.0-ee.0", state="installed", ready=True)
UP, DRAIN, MAINT, DOWN = (ServerSight(status, 0) for status in ("UP", "DRAIN", "MAINT", "DOWN"))


def look(at: float = 0, servers: dict[str, ServerSight] | None = None, **hosts: HostSight) -> Look:
    """Both balancers agree; all hosts are healthy but those that are given, with `_` for `-`."""
    names = ("deploy-01", "web-01", "web-02", "web-03")
    rows = dict.fromkeys(names[1:], UP) | (servers or {})
    given = {name.replace("_", "-"): sight for name, sight in hosts.items()}
    database = DatabaseSight(frozenset({"1"}))
    return Look(at, dict.fromkeys(names, HEALTHY) | given, {"lb-01": rows, "lb-02": rows}, database)


def judge(judge: Judge, *looks: Look) -> list[str]:
    """What a judge says of looks one after another, and of the end."""
    said = []
    for number, each in enumerate(looks):
        said += [breach.what for breach in judge.judge(each, looks[number - 1] if number else None)]
    return said + [breach.what for breach in judge.conclude(looks[-1])]


def job(operation: str, *, attempt: int = 1, status: int | None = None, alive: bool = True) -> JobSight:
    return JobSight(operation, "web-01", "install", attempt, 0, status, alive)


def with_jobs(*jobs: JobSight) -> HostSight:
    return replace(HEALTHY, jobs=jobs)


def test_jobs_of_one_operation_on_many_hosts_are_one_operation() -> None:
    assert judge(OneOperation(), look(web_01=with_jobs(job("lab-1")), web_02=with_jobs(job("lab-1")))) == []


def test_a_newer_operation_after_an_older_one_is_right() -> None:
    old = job("lab-9", status=0, alive=False)
    assert judge(OneOperation(), look(web_01=with_jobs(old)), look(web_01=with_jobs(old, job("lab-10")))) == []


def test_operations_are_ordered_as_numbers_not_as_text() -> None:
    newer, older = job("lab-10", status=0, alive=False), job("lab-9")
    said = judge(OneOperation(), look(web_01=with_jobs(newer)), look(web_01=with_jobs(newer, older)))
    assert said == ["lab-9 begins install on web-01 although a newer operation has acted already"]


def test_what_was_there_before_the_first_look_is_no_breach() -> None:
    there = (job("lab-2", status=0, alive=False), job("lab-1", status=0, alive=False))
    assert judge(OneOperation(), look(web_01=with_jobs(*there)), look(web_01=with_jobs(*there))) == []


def test_a_change_by_hand_is_no_second_operation_while_none_is_at_work() -> None:
    by_hand = replace(HEALTHY, processes=(ProcessSight(7, "dpkg", "dpkg --configure -a", ""),))
    assert judge(OneOperation(), look(web_01=by_hand)) == []


def test_a_host_that_fails_below_the_floor_breaks_no_rule() -> None:
    before = look(servers={"web-01": DRAIN})
    assert judge(Floor(FLEET), before, look(servers={"web-01": DRAIN, "web-02": DOWN})) == []


def test_taking_out_a_host_while_another_is_down_breaks_the_floor() -> None:
    before = look(servers={"web-02": DOWN})
    said = judge(Floor(FLEET), before, look(servers={"web-01": DRAIN, "web-02": DOWN}))
    assert said == ["web-01 left service, and 1 of web serve where 2 must"]


def test_taking_out_as_many_as_the_floor_allows_is_right() -> None:
    assert judge(Floor(FLEET), look(), look(servers={"web-01": DRAIN})) == []


def test_a_host_serves_only_if_every_balancer_says_so() -> None:
    before, after = look(servers={"web-02": DOWN}), look(servers={"web-01": DRAIN})
    after = replace(after, balancers={**after.balancers, "lb-02": None})
    assert judge(Floor(FLEET), before, after) == ["web-01 left service, and 0 of web serve where 2 must"]


@pytest.mark.parametrize(
    ("host", "broken"),
    [
        pytest.param(HEALTHY, False, id="healthy"),
        pytest.param(replace(HEALTHY, ready=False), True, id="calls itself not ready"),
        pytest.param(replace(HEALTHY, ready=None), True, id="gives no answer"),
        pytest.param(replace(HEALTHY, state="half-configured"), True, id="half configured"),
    ],
)
def test_only_a_healthy_host_goes_back_into_use(host: HostSight, broken: bool) -> None:
    said = judge(Floor(FLEET), look(servers={"web-01": MAINT}, web_01=host), look(web_01=host))
    assert bool(said) == broken


@pytest.mark.parametrize(
    ("before", "after", "broken"),
    [
        pytest.param(UP, UP, True, id="in use"),
        pytest.param(DRAIN, DRAIN, False, id="drained"),
        pytest.param(ServerSight("DRAIN", 2), ServerSight("DRAIN", 1), True, id="still with requests"),
        pytest.param(UP, DRAIN, False, id="drained within the half second, which came first cannot be told"),
    ],
)
def test_a_host_is_drained_before_it_is_unpacked(before: ServerSight, after: ServerSight, broken: bool) -> None:
    unpacked = replace(HEALTHY, unpacked=(UnpackSight("upgrade gitlab-ee 17.0.0 17.1.0", "17.0.0", "17.1.0"),))
    said = judge(Floor(FLEET), look(servers={"web-01": before}), look(servers={"web-01": after}, web_01=unpacked))
    assert bool(said) == broken


def entry(operation: str, **body: Any) -> dict[str, Any]:
    return {"operation": operation, "body": body}


ASKED = entry("lab-2", kind="operation_opened", details={"kind": "post_deploy", "automatic": False})
POINT = entry("lab-2", kind="point_of_no_return", version="17.1.0-ee.0", names=["2"])


@pytest.mark.parametrize(
    ("journal", "hosts", "by_file", "broken"),
    [
        pytest.param((ASKED, POINT), {}, False, False, id="asked for, recorded, one version"),
        pytest.param((), {}, False, True, id="nothing recorded"),
        pytest.param((POINT,), {}, False, True, id="recorded, and nobody asked"),
        pytest.param((POINT,), {}, True, False, id="the file asks for it"),
        pytest.param(
            (ASKED, POINT), {"web_02": replace(HEALTHY, package="17.0.0-ee.0")}, False, True, id="a host is behind"
        ),
        pytest.param((ASKED, POINT), {"web_02": HostSight(on=False)}, False, True, id="a host is off"),
    ],
)
def test_a_post_deployment_migration_needs_a_yes_a_record_and_one_version(
    journal: tuple[dict[str, Any], ...], hosts: dict[str, HostSight], by_file: bool, broken: bool
) -> None:
    after = replace(
        look(**hosts),
        database=DatabaseSight(frozenset({"1", "2"})),
        kinds={"1": "regular", "2": "post"},
        journal=journal,
    )
    said = judge(Migrations(replace(FLEET, post_deploy_by_file=by_file)), look(), after)
    assert bool(said) == broken


def test_a_regular_migration_on_the_blessed_node_is_right() -> None:
    running = replace(HEALTHY, processes=(ProcessSight(9, "migration", "gitlab-rake db:migrate", "lab-1"),))
    database = DatabaseSight(frozenset({"1", "2"}), (("10.0.0.5", "2"),))
    after = replace(look(deploy_01=running), database=database, kinds={"2": "regular"})
    assert judge(Migrations(FLEET), look(), after) == []


@pytest.mark.parametrize(
    "sight",
    [
        pytest.param(replace(HEALTHY, processes=(ProcessSight(9, "migration", "rake", "lab-1"),)), id="its process"),
        pytest.param(replace(HEALTHY, migration_logs=("gitlab-rails-db-migrate-1.log",)), id="its log"),
    ],
)
def test_a_migration_elsewhere_is_seen_by(sight: HostSight) -> None:
    assert judge(Migrations(FLEET), look(web_01=sight)) == ["web-01 runs migrations, which only deploy-01 may"]


def test_a_failed_attempt_and_a_good_one_are_not_twice() -> None:
    jobs = with_jobs(job("lab-1", status=1, alive=False), job("lab-1", attempt=2, status=0, alive=False))
    assert judge(Crash(), look(web_01=jobs)) == []


def test_a_host_that_is_left_drained_may_be_so_if_the_journal_says_it() -> None:
    said = entry("lab-1", kind="left_behind", host="web-01", reason="no answer")
    left = look(servers={"web-01": MAINT})
    assert judge(Crash(), look(), left) != []
    assert judge(Crash(), look(), replace(left, journal=(said,))) == []


def test_what_the_journal_said_before_the_watch_began_is_no_excuse() -> None:
    said = entry("lab-1", kind="left_behind", host="web-01", reason="no answer")
    left = replace(look(servers={"web-01": MAINT}), journal=(said,))
    assert judge(Crash(), replace(look(), journal=(said,)), left) != []
