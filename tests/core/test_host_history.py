"""What a journal says of each host."""

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.fleet_progress import HostProgress, HostState
from takeoff.core.host_history import hosts_of
from takeoff.core.journal_entries import Converged, LeftBehind
from takeoff.core.operation import OperationKind
from takeoff.core.reports import Result
from tests.core.journals import HOSTS, NEW, OLD, Journal, failed, finished


@pytest.fixture
def environment(small_text: str) -> Environment:
    return parse_environment(small_text, "lab.yml").environment


def hosts_after(journal: Journal, environment: Environment) -> dict[str, HostProgress]:
    return {one.host: one for one in hosts_of(journal.entries, environment)}


def test_every_host_is_there_once_the_blessed_node_first_then_in_rollout_order(environment: Environment) -> None:
    found = hosts_of(Journal().entries, environment)
    assert tuple(one.host for one in found) == HOSTS
    assert {one.version for one in found} == {OLD}
    assert (found[0].stage, found[0].role) == ("", "deploy")
    assert (found[4].stage, found[4].role) == ("canary", "web")


def test_a_host_that_the_journal_does_not_know_has_no_version(environment: Environment) -> None:
    assert {one.version for one in hosts_of([], environment)} == {""}


def test_a_rollout_puts_hosts_on_the_operations_version_and_leaves_the_not_reached_where_they_were(
    environment: Environment,
) -> None:
    report = failed(
        "main.web",
        web_01=Result.CHANGED,
        web_02=Result.UNCHANGED,
        web_03=(Result.FAILED, "installing"),
        web_04=Result.NOT_REACHED,
    )
    found = hosts_after(Journal().opened().did(report), environment)
    assert [found[f"web-0{n}"].version for n in (1, 2, 3, 4)] == [NEW, NEW, OLD, OLD]
    assert [found[f"web-0{n}"].state.value for n in (1, 2, 3, 4)] == [
        "in service",
        "in service",
        "failed",
        "in service",
    ]
    assert (found["web-03"].step, found["web-03"].detail) == ("installing", "web-03 failed")


def test_a_host_that_failed_after_its_install_has_the_new_version(environment: Environment) -> None:
    report = failed("main.web", web_01=(Result.FAILED, "waiting until healthy"), web_02=(Result.FAILED, "draining"))
    found = hosts_after(Journal().opened().did(report), environment)
    assert (found["web-01"].version, found["web-02"].version) == (NEW, OLD)


def test_a_host_that_failed_within_the_budget_of_a_finished_rollout_is_left_behind(environment: Environment) -> None:
    journal = Journal().opened()
    journal.did(
        LeftBehind(host="web-02", reason="no answer"),
        finished("main.web", web_01=Result.CHANGED, web_02=Result.UNREACHABLE),
    )
    assert hosts_after(journal, environment)["web-02"].state is HostState.LEFT_BEHIND
    journal.did(Converged(hosts=("web-02",)))
    assert hosts_after(journal, environment)["web-02"].state is HostState.IN_SERVICE


def test_a_warmup_changes_no_version_and_takes_nobody_out_of_service(environment: Environment) -> None:
    journal = Journal().opened()
    journal.did(failed("warmup", web_01=Result.CHANGED, web_02=(Result.FAILED, "warmup")))
    found = hosts_after(journal, environment)
    assert (found["web-01"].version, found["web-01"].step) == (OLD, "")
    assert (found["web-02"].version, found["web-02"].step) == (OLD, "warmup")
    assert found["web-02"].state is HostState.IN_SERVICE


def test_the_blessed_node_is_on_the_version_once_it_has_migrated(environment: Environment) -> None:
    journal = Journal().opened().did(failed("migrations", "it broke\nand more"))
    blessed = hosts_after(journal, environment)["deploy-01"]
    assert (blessed.version, blessed.state, blessed.detail) == (OLD, HostState.FAILED, "it broke")
    journal.did(finished("migrations"))
    blessed = hosts_after(journal, environment)["deploy-01"]
    assert (blessed.version, blessed.state) == (NEW, HostState.IN_SERVICE)


def test_a_rollback_moves_the_blessed_node_at_its_end(environment: Environment) -> None:
    journal = Journal().opened().did(finished("migrations")).closed()
    journal.opened(OperationKind.ROLLBACK, OLD).did(finished("roll_back.web", web_01=Result.CHANGED))
    assert hosts_after(journal, environment)["deploy-01"].version == NEW
    assert hosts_after(journal.did(finished("finish")), environment)["deploy-01"].version == OLD


def test_a_deploy_that_ended_well_was_seen_on_all_hosts_but_those_left_behind(environment: Environment) -> None:
    journal = Journal().opened().did(failed("main.web", web_01=(Result.FAILED, "restarting")))
    journal.did(LeftBehind(host="web-02", reason="no answer"))
    found = hosts_after(journal.closed(), environment)
    assert {host: one.version for host, one in found.items() if one.version != NEW} == {"web-02": OLD}
    assert found["web-01"].state is HostState.IN_SERVICE


def test_hosts_that_are_in_the_environment_no_more_are_forgotten(environment: Environment) -> None:
    journal = Journal().opened().did(finished("main.web", web_99=Result.CHANGED), LeftBehind(host="web-98", reason=""))
    assert set(hosts_after(journal, environment)) == set(HOSTS)
