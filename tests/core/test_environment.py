import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.hosts import Host


@pytest.fixture
def environment(small_text) -> Environment:
    return parse_environment(small_text, "lab.yml").environment


def test_the_fleet_is_the_blessed_node_and_then_the_stages_in_order(environment):
    assert environment.fleet[:4] == ("deploy-01", "gitaly-01", "gitaly-02", "git-cny-01")
    assert len(environment.fleet) == 12


def test_all_hosts_include_the_balancer_nodes(environment):
    assert set(environment.hosts()) == {*environment.fleet, "lb-01"}


def test_a_rollback_takes_git_first_and_gitaly_last(environment):
    assert environment.roles_in_rollback_order() == ("git", "web", "sidekiq", "gitaly")


def test_the_last_stage_is_always_checked_where_the_environment_can(environment):
    checks = environment.checks_of(environment.stages[-1])
    assert checks.alerts
    assert not checks.qa, "this environment has no QA settings"


def test_a_stage_that_asks_for_no_checks_has_none(environment):
    checks = environment.checks_of(environment.stages[0])
    assert (checks.qa, checks.alerts) == (False, False)


def test_a_recipe_keeps_gitlabs_values_where_the_file_is_silent(environment):
    assert environment.roles["web"].batch == "25%"
    assert environment.roles["web"].health.url == "http://localhost/-/readiness?all=1"


def test_canary_and_main_hosts_are_servers_of_the_same_backend(environment):
    assert [str(server) for server in environment.servers_of("web-cny-01")["lb-01"]] == ["web/web-cny-01"]
    assert [str(server) for server in environment.servers_of("web-04")["lb-01"]] == ["web/web-04"]
    assert environment.servers_of("sidekiq-01") == {}


def test_batches_fall_back_from_role_to_environment(environment):
    assert environment.batch_for("web") == "25%"
    assert environment.batch_for("git") == "10%"
    assert environment.batch_for("web", rollback=True) == "25%"


def test_an_inventorys_hosts_take_their_place(environment):
    moved = environment.with_hosts({("main", "web"): (Host(name="web-77"),)})
    assert [member.host.name for member in moved.members("main", "web")] == ["web-77"]
    assert [member.host.name for member in moved.members("main", "git")] == ["git-01", "git-02"]


def test_an_inventorys_host_may_not_stand_elsewhere_too(environment):
    with pytest.raises(ValueError, match="'git-01' is named twice"):
        environment.with_hosts({("main", "web"): (Host(name="git-01"),)})


def test_the_only_host_of_a_role_may_move_if_it_is_not_drained(environment):
    assert environment.floor_for("sidekiq") == "0"
    assert environment.floor_for("gitaly") == "50%"
    assert environment.with_hosts({("main", "web"): (Host(name="w1"),)}).floor_for("web") == "50%"
