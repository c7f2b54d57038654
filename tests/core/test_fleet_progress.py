"""How far each host is: the journal, and the steps told since."""

from datetime import timedelta

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.fleet_progress import FleetProgress, HostProgress, HostState, HostStep, fleet_progress
from takeoff.core.host_history import hosts_of
from takeoff.core.reports import Result
from tests.core.journals import NEW, OLD, Journal, failed, finished, started
from tests.core.records import BEGIN

NOW = BEGIN + timedelta(hours=1)


@pytest.fixture
def environment(small_text: str) -> Environment:
    return parse_environment(small_text, "lab.yml").environment


def progress(
    journal: Journal,
    environment: Environment,
    steps: dict[str, HostStep] | None = None,
    before: FleetProgress | None = None,
) -> dict[str, HostProgress]:
    hosts = hosts_of(journal.entries, environment)
    found = fleet_progress(journal.record, hosts, environment, steps or {}, NOW, before)
    return {one.host: one for one in found.hosts}


def step(name: str, after: str = "") -> HostStep:
    return HostStep(name, "", NOW, after)


@pytest.mark.parametrize(
    ("host", "at", "version", "state", "shown"),
    [
        ("web-01", step("draining"), OLD, HostState.DRAINED, "draining"),
        ("web-01", step("installing"), OLD, HostState.DRAINED, "installing"),
        ("web-01", step("restarting"), NEW, HostState.DRAINED, "restarting"),
        ("web-01", step("changed"), NEW, HostState.IN_SERVICE, ""),
        ("web-01", step("unchanged"), NEW, HostState.IN_SERVICE, ""),
        ("web-01", step("failed", "installing"), OLD, HostState.FAILED, "installing"),
        ("web-01", step("failed", "waiting until healthy"), NEW, HostState.FAILED, "waiting until healthy"),
        ("web-01", step("unreachable"), OLD, HostState.FAILED, "unreachable"),
        ("web-01", step("left behind"), OLD, HostState.LEFT_BEHIND, ""),
        ("sidekiq-01", step("installing"), OLD, HostState.CHANGING, "installing"),
        ("deploy-01", step("migrating"), OLD, HostState.CHANGING, "migrating"),
    ],
    ids=lambda value: f"{value.step} {value.after}".strip() if isinstance(value, HostStep) else None,
)
def test_a_step_of_a_rollout_says_where_the_host_stands(
    environment: Environment, host: str, at: HostStep, version: str, state: HostState, shown: str
) -> None:
    found = progress(Journal().opened().did(started("main.web")), environment, {host: at})[host]
    assert (found.version, found.state, found.step, found.since) == (version, state, shown, NOW)


@pytest.mark.parametrize(("told", "shown"), [("downloading", "downloading"), ("changed", "")])
def test_a_warmups_steps_change_neither_version_nor_state(environment: Environment, told: str, shown: str) -> None:
    found = progress(Journal().opened().did(started("warmup")), environment, {"web-01": step(told)})["web-01"]
    assert (found.version, found.state, found.step) == (OLD, HostState.IN_SERVICE, shown)


def test_what_the_journal_says_later_counts_more_than_a_step(environment: Environment) -> None:
    journal = Journal().opened().did(started("main.web"), finished("main.web", web_01=Result.CHANGED))
    early = HostStep("installing", "", BEGIN)
    assert progress(journal, environment, {"web-01": early})["web-01"].state is HostState.IN_SERVICE


def test_a_host_that_a_dead_process_had_out_is_still_shown_so_by_the_next(environment: Environment) -> None:
    journal = Journal().opened().did(started("main.web"))
    hosts = hosts_of(journal.entries, environment)
    before = fleet_progress(journal.record, hosts, environment, {"web-01": step("installing")}, NOW)
    assert progress(journal, environment, before=before)["web-01"].state is HostState.DRAINED


def test_what_was_written_of_another_operation_counts_for_nothing(environment: Environment) -> None:
    journal = Journal().opened().did(started("main.web"))
    hosts = hosts_of(journal.entries, environment)
    before = fleet_progress(journal.record, hosts, environment, {"web-01": step("installing")}, NOW)
    journal.did(failed("main.web")).closed().opened()
    assert progress(journal, environment, before=before)["web-01"].state is HostState.IN_SERVICE


def test_the_last_deploy_is_the_newest_that_ended_well(environment: Environment) -> None:
    journal = Journal().opened().closed().opened(version="17.2.0-ee.0")
    found = fleet_progress(journal.record, (), environment, {}, NOW)
    assert found.operation == "lab-2"
    assert found.last_deploy is not None
    assert found.last_deploy.version == NEW
