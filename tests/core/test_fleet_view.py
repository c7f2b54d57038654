"""What the fleet page shows of an environment."""

from datetime import timedelta

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_status import status_of
from takeoff.core.environment_text import parse_environment
from takeoff.core.fleet_progress import HostProgress, HostState, HostStep, fleet_progress
from takeoff.core.fleet_view import EnvironmentView, Mirrored, environment_view, host_groups
from takeoff.core.host_history import hosts_of
from takeoff.core.reports import Result
from tests.core.journals import NEW, OLD, Journal, finished, started
from tests.core.records import BEGIN

NOW = BEGIN + timedelta(hours=1)


@pytest.fixture
def environment(small_text: str) -> Environment:
    return parse_environment(small_text, "lab.yml").environment


def view(
    journal: Journal, environment: Environment, steps: dict[str, HostStep] | None = None, age_s: float = 0
) -> EnvironmentView:
    written = NOW - timedelta(seconds=age_s)
    hosts = hosts_of(journal.entries, environment)
    progress = fleet_progress(journal.record, hosts, environment, steps or {}, written)
    status = status_of(journal.record, environment, written)
    return environment_view("lab", Mirrored(status, progress), NOW)


def moving(environment: Environment, host: str, age_s: float) -> EnvironmentView:
    journal = Journal().opened().did(started("main.web"))
    return view(journal, environment, {host: HostStep("installing", "", NOW)}, age_s)


def test_hosts_are_grouped_by_stage_and_role_in_rollout_order(environment: Environment) -> None:
    groups = view(Journal(), environment).groups
    assert [(one.stage, one.role, len(one.hosts)) for one in groups] == [
        ("", "deploy", 1),
        ("shared", "gitaly", 2),
        ("canary", "git", 1),
        ("canary", "web", 1),
        ("main", "git", 2),
        ("main", "web", 4),
        ("main", "sidekiq", 1),
    ]
    assert all(one.on_target == len(one.hosts) and not one.differing for one in groups)


def test_hosts_that_wait_for_their_turn_are_counted_and_only_those_that_move_stand_out(
    environment: Environment,
) -> None:
    journal = Journal().opened().did(finished("canary.web", web_cny_01=Result.CHANGED), started("main.web"))
    found = view(journal, environment, {"web-02": HostStep("installing", "", NOW)})
    web = next(one for one in found.groups if (one.stage, one.role) == ("main", "web"))
    assert found.target == NEW
    assert (web.on_target, web.versions, web.differing) == (0, {OLD: 4}, ("web-02",))
    assert web.states == {HostState.IN_SERVICE: 3, HostState.DRAINED: 1}


def test_a_host_on_a_third_version_stands_out() -> None:
    hosts = tuple(HostProgress(host=f"web-{v}", stage="main", role="web", version=v) for v in ("1", "2", "3", ""))
    (group,) = host_groups(hosts, target="2", deployed="1")
    assert group.differing == ("web-3", "web-")


def test_a_mover_that_tells_nothing_for_two_minutes_is_called_silent(environment: Environment) -> None:
    assert moving(environment, "web-01", 119).silent is False
    assert moving(environment, "web-01", 121).silent is True


def test_the_blessed_node_may_migrate_in_silence_for_nobody_has_a_session_then(environment: Environment) -> None:
    assert moving(environment, "deploy-01", 7200).silent is False


def test_the_age_is_told_and_called_old_after_what_the_schedule_explains(environment: Environment) -> None:
    young, old = view(Journal(), environment, age_s=3600), view(Journal(), environment, age_s=6000)
    assert (young.age_s, young.old) == (3600, False)
    assert (old.age_s, old.old) == (6000, True)


def test_an_environment_of_which_nobody_wrote_is_shown_without_anything() -> None:
    assert environment_view("lab", Mirrored(), NOW) == EnvironmentView(environment="lab")
