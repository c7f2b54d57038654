import pytest

from takeoff.core.check_settings import PostDeployChecks
from takeoff.core.environment_misfits import TASK_LIMIT
from takeoff.core.environment_text import parse_environment
from takeoff.core.task_ids import converge_tasks, deploy_tasks, post_deploy_tasks, rollback_tasks

QA = 'qa: {url: "http://127.0.0.1:9", project: qa}\n'


def ids(tasks):
    return [task.id for task in tasks]


def test_a_deploy_has_the_tasks_of_its_file_in_order(small_text):
    environment = parse_environment(small_text, "lab.yml").environment
    assert ids(deploy_tasks(environment)) == [
        *["new_package", "preflight", "lease", "warmup", "migrations", "shared.gitaly"],
        *["canary.git", "canary.web", "canary.alerts", "main.git", "main.web", "main.sidekiq", "main.alerts"],
        *["finish", "post_deploy.approve", "post_deploy.migrations"],
    ]


def test_post_deploy_migrations_can_be_the_first_step_of_the_next_deploy(small_text):
    environment = parse_environment(small_text + "post_deploy: next_deploy\n", "lab.yml").environment
    tasks = ids(deploy_tasks(environment))
    assert tasks[3] == "pending_post_deploy"
    assert tasks[-1] == "finish"


@pytest.mark.parametrize(
    ("chosen", "checks"),
    [
        pytest.param("{}", [], id="none"),
        pytest.param("{qa: true}", ["post_deploy.qa"], id="QA"),
        pytest.param("{alerts: true}", ["post_deploy.alerts"], id="alerts"),
        pytest.param("{qa: true, alerts: true}", ["post_deploy.qa", "post_deploy.alerts"], id="both"),
    ],
)
def test_the_checks_that_the_file_chooses_follow_the_post_deploy_migrations(small_text, chosen, checks):
    environment = parse_environment(small_text + QA + f"post_deploy_checks: {chosen}\n", "lab.yml").environment
    assert ids(post_deploy_tasks(environment)) == ["post_deploy.migrations", *checks]
    assert ids(deploy_tasks(environment))[-len(checks) - 2 :] == [
        "post_deploy.approve",
        "post_deploy.migrations",
        *checks,
    ]


def test_a_file_of_the_largest_size_that_is_allowed_makes_no_more_than_thirty_tasks_with_every_check(small_text):
    roles = ", ".join(f"r{number}: [host-{number}]" for number in range(18))
    recipes = ", ".join(f"r{number}: {{drain: false, health: {{url: 'http://x/'}}}}" for number in range(18))
    before, after = small_text.split("stages:\n")[0], "alerts:" + small_text.split("\nalerts:")[1]
    text = f"{before}stages: [{{name: main, roles: {{{roles}}}}}]\nroles: {{{recipes}}}\n{after}{QA}"
    environment = parse_environment(text + "post_deploy_checks: {qa: true, alerts: true}\n", "lab.yml").environment
    assert 28 <= len(deploy_tasks(environment)) <= TASK_LIMIT


def test_a_rollback_moves_each_role_of_all_stages_in_one_task(small_text):
    environment = parse_environment(small_text, "lab.yml").environment
    assert ids(rollback_tasks(environment)) == [
        *["verdict", "pause_deploys", "stop_deploy", "warmup"],
        *["roll_back.git", "roll_back.web", "roll_back.sidekiq", "roll_back.gitaly", "alerts", "finish"],
    ]


def test_ids_are_unique(small_text):
    environment = parse_environment(small_text, "lab.yml").environment
    environment = environment.model_copy(update={"post_deploy_checks": PostDeployChecks(qa=True, alerts=True)})
    for tasks in (ids(deploy_tasks(environment)), ids(rollback_tasks(environment))):
        assert len(tasks) == len(set(tasks))


def test_a_converge_warms_up_and_moves_only_the_stages_and_roles_of_its_hosts(small_text):
    environment = parse_environment(small_text, "lab.yml").environment
    assert ids(converge_tasks(environment, ["web-02", "gitaly-01"])) == [
        "warmup",
        "shared.gitaly",
        "main.web",
        "finish",
    ]
