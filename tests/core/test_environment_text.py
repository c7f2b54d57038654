import pytest

from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError


def problems_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        parse_environment(text, "lab.yml")
    return caught.value.problems


def test_a_valid_file_gives_its_model_and_digest(small_text):
    read = parse_environment(small_text, "lab.yml")
    assert read.environment.name == "lab"
    assert read.sha256 == parse_environment(small_text, "other name").sha256
    assert read.sha256 != parse_environment(small_text + "# more\n", "lab.yml").sha256


def test_a_version_keeps_its_trailing_zero(small_text):
    stops = parse_environment(small_text, "lab.yml").environment.package.upgrade_path.required_stops
    assert stops == ("17.10", "17.11")


@pytest.mark.parametrize(
    ("written", "instead", "problem"),
    [
        pytest.param("become", "becom", "lab.yml:7: ssh.becom: no such key; did you mean 'become'?", id="unknown key"),
        pytest.param("suites", "suits", "lab.yml:5: package.sources.0.suits: no such key", id="key of a tagged source"),
        pytest.param("port: 2222", "port: x", "lab.yml:8: deploy_node.port: input should be", id="not a number"),
        pytest.param("bake: 1m", "bake: long", "lab.yml:16: stages.1.checks.bake: 'long' is no", id="not a duration"),
        pytest.param(
            "[sidekiq-01]", "[web-01]", "lab.yml:18: stages.2.roles.sidekiq: host 'web-01' is named", id="host twice"
        ),
        pytest.param("[01:02]", "[05:02]", "lab.yml:11: stages.0.roles.gitaly: range", id="backward range"),
        pytest.param("batch: 25%", "batch: 0", "lab.yml:20: roles.web.batch: a batch of 0", id="zero batch"),
        pytest.param("sidekiq:", "mail:", "lab.yml:18: stages.2.roles.mail: role 'mail' has no", id="no recipe"),
        pytest.param("roles: [web]", "roles: [wob]", "lab.yml:24: load_balancers.0.backends.web: no", id="bad backend"),
        pytest.param("type: apt", "type: yum", "lab.yml:5: package.sources.0: ", id="unknown kind of source"),
        pytest.param("name: canary", "name: qa", "lab.yml:12: stages.1: 'qa' would clash", id="reserved name"),
        pytest.param(
            "stages:",
            "post_deploy_checks: {qa: true}\nstages:",
            "lab.yml:9: post_deploy_checks.qa: asks for qa, but",
            id="a check that is not configured",
        ),
        pytest.param(
            "stages:",
            "post_deploy: next_deploy\npost_deploy_checks: {alerts: true}\nstages:",
            "lab.yml:10: post_deploy_checks.alerts: is for `post_deploy: manual` only",
            id="checks nobody waits for",
        ),
        pytest.param(
            "{alerts: true, bake",
            "{qa: true, bake",
            "lab.yml:16: stages.1.checks.qa: asks for qa, but",
            id="a stage's check that is not configured",
        ),
        pytest.param(
            "{alerts: true, bake: 1m}",
            "{bake: 1m}",
            "lab.yml:16: stages.1.checks.bake: is how long alerts are watched, and none are: add `alerts: true`",
            id="a bake without alerts",
        ),
        pytest.param("name: lab", "name: Lab!", "lab.yml:1: name: 'Lab!' does not match", id="name of wrong form"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_field(small_text, written, instead, problem):
    told = problems_of(small_text.replace(written, instead, 1))
    assert any(sentence.startswith(problem) for sentence in told), told


def test_a_stage_s_alerts_and_bake_need_alerts_in_the_environment(small_text):
    missing, unwatched = problems_of(small_text[: small_text.index("alerts: {url")])
    assert missing.startswith("lab.yml:16: stages.1.checks.alerts: asks for alerts, but the environment has no `alert")
    assert unwatched.startswith("lab.yml:16: stages.1.checks.bake: is how long alerts are watched, and none are: confi")


def test_an_unknown_key_lists_the_known_ones(small_text):
    (told,) = problems_of(small_text.replace("become", "becom"))
    assert "known here: become, certificate_file, connect_timeout," in told


def test_a_missing_key_is_named_where_it_belongs(small_text):
    told = problems_of(small_text.replace("name: gitlab-ee", "disk_space_mib: 1"))
    assert told == ("lab.yml:3: package.name: is missing",)


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(small_text):
    told = problems_of(small_text.replace("become", "becom").replace("batch: 25%", "batch: lots"))
    assert [sentence.split(":")[1] for sentence in told] == ["7", "20"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", "lab.yml: the file is empty", id="empty"),
        pytest.param("- a", "lab.yml:1: expected keys and values", id="a list"),
        pytest.param("a: [", "lab.yml:2: this is no YAML", id="cut off"),
        pytest.param("name: a\nname: b", "lab.yml:2: name: this key is there twice", id="key twice"),
        pytest.param("a: \x00", "lab.yml: this is no YAML", id="control character"),
        pytest.param("a: !!python/object/apply:os.system ['true']", "lab.yml:1: this is no YAML", id="code in a tag"),
    ],
)
def test_what_is_no_environment_file_gets_one_sentence(text, problem):
    (told,) = problems_of(text)
    assert told.startswith(problem)


def test_more_tasks_than_a_graph_can_show_are_refused(small_text):
    roles = ", ".join(f"r{n:02}: [h{n:02}]" for n in range(30))
    recipes = "\n".join(f"  r{n:02}: {{health: {{command: 'true'}}}}" for n in range(30))
    text = small_text.replace("[sidekiq-01]", f"[sidekiq-01], {roles}").replace(
        "roles:\n  web:", f"roles:\n{recipes}\n  web:"
    )
    assert any("more than the 30" in sentence for sentence in problems_of(text))
