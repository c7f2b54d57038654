from takeoff.core.environment_text import parse_environment
from takeoff.core.task_ids import converge_tasks, deploy_tasks, rollback_tasks


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


def test_a_rollback_moves_each_role_of_all_stages_in_one_task(small_text):
    environment = parse_environment(small_text, "lab.yml").environment
    assert ids(rollback_tasks(environment)) == [
        *["verdict", "pause_deploys", "stop_deploy", "warmup"],
        *["roll_back.git", "roll_back.web", "roll_back.sidekiq", "roll_back.gitaly", "alerts", "finish"],
    ]


def test_ids_are_unique(small_text):
    environment = parse_environment(small_text, "lab.yml").environment
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
