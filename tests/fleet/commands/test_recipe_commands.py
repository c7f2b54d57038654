"""Recipes' commands, the look, and migrations: run in a real shell."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from takeoff.core.environment import Environment
from takeoff.core.recipes import HealthCheck, RoleRecipe
from takeoff.fleet.commands.command import HostCommand
from takeoff.fleet.commands.migration_commands import (
    migration_status,
    post_deploy_migrations,
    regular_migrations,
)
from takeoff.fleet.commands.recipe_commands import configure, look, prepare, restart
from tests.fleet.simulated_fleet import environment_of

HEALTH = HealthCheck(command="true")
CURL = str(shutil.which("curl"))


@pytest.fixture(params=["dash", "bash"])
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def environment() -> Environment:
    return environment_of({"main": {"web": 1}})


def run(command: HostCommand, root: Path, shell: str = "dash", **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shell, "-c", command.script, "takeoff", *command.arguments],
        env={"PATH": "/usr/bin:/bin", "TAKEOFF_HOST_ROOT": str(root)} | variables,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=root,
    )


def recipe(**commands: Any) -> RoleRecipe:
    return RoleRecipe(health=HEALTH, **commands)


def test_commands_run_in_order_and_each_is_told(tmp_path: Path, shell: str) -> None:
    done = run(prepare(recipe(prepare=("echo one", "echo 'it''s two'"))), tmp_path, shell)
    assert done.stdout.splitlines() == ["+ echo one", "one", "+ echo 'it''s two'", "its two"]
    assert done.returncode == 0


def test_the_first_command_that_fails_is_the_last_that_runs(tmp_path: Path, shell: str) -> None:
    done = run(configure(recipe(configure=("echo one", "exit 3", "echo never"))), tmp_path, shell)
    assert done.returncode == 3
    assert "never" not in done.stdout.replace("+ echo never", "")


def test_a_command_cannot_change_the_next(tmp_path: Path, shell: str) -> None:
    done = run(configure(recipe(configure=("cd /; x=1", 'echo "[$x]"; pwd'))), tmp_path, shell)
    assert done.stdout.splitlines()[-2:] == ["[]", str(tmp_path)]


@pytest.mark.parametrize("step", [prepare, configure, lambda r: restart(environment_of({"main": {"web": 1}}), r)])
def test_rule_3_every_command_of_a_recipe_has_post_deploy_migrations_switched_off(step: Any, tmp_path: Path) -> None:
    say = ('echo "skip=$SKIP_POST_DEPLOYMENT_MIGRATIONS"',)
    done = run(step(recipe(prepare=say, configure=say, restart=say)), tmp_path)
    assert "skip=true" in done.stdout.splitlines()


def test_a_restart_that_succeeds_ends_the_change_and_one_that_fails_does_not(
    tmp_path: Path, environment: Environment, shell: str
) -> None:
    unfinished = tmp_path / "var/lib/takeoff/lab/unfinished"
    unfinished.parent.mkdir(parents=True)
    unfinished.write_text("17.2.0-ee.0\n")
    assert run(restart(environment, recipe(restart=("false",))), tmp_path, shell).returncode == 1
    assert unfinished.exists()
    assert run(restart(environment, recipe(restart=())), tmp_path, shell).returncode == 0
    assert not unfinished.exists()


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server that answers with the status that the path names."""
    if shutil.which("curl") is None:
        pytest.skip("needs curl: apt-get install curl")
    server = http.server.HTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def looked(command: HostCommand, root: Path, shell: str) -> dict[str, str]:
    done = run(command, root, shell)
    assert done.returncode == 0, done.stderr
    return dict(line.partition("=")[::2] for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("status", "healthy", "told"),
    [
        pytest.param(200, "1", "answers 200", id="ok"),
        pytest.param(204, "1", "answers 204", id="no content"),
        pytest.param(302, "0", "answers 302", id="a redirect is no health"),
        pytest.param(404, "0", "monitoring allowlist leaves localhost out", id="not allowed to ask"),
        pytest.param(503, "0", "answers 503", id="not ready"),
    ],
)
def test_a_health_url_counts_only_when_it_answers_2xx(
    tmp_path: Path, environment: Environment, url: str, shell: str, status: int, healthy: str, told: str
) -> None:
    seen = looked(look(environment, HealthCheck(url=f"{url}/{status}")), tmp_path, shell)
    assert seen["healthy"] == healthy
    assert told in seen["health"]


@pytest.mark.parametrize(("embedded", "healthy", "told"), [(True, "1", "answers 200"), (False, "0", "install curl")])
def test_a_host_without_curl_is_asked_with_the_package_s_own_or_says_so(
    tmp_path: Path, environment: Environment, url: str, shell: str, embedded: bool, healthy: str, told: str
) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in ("tr", "tail", "timeout", "sh"):
        (commands / name).symlink_to(str(shutil.which(name)))
    if embedded:
        folder = tmp_path / "opt/gitlab/embedded/bin"
        folder.mkdir(parents=True)
        (folder / "curl").symlink_to(CURL)
    command = look(environment, HealthCheck(url=f"{url}/200"))
    shell_path = str(shutil.which(shell))
    done = run(command, tmp_path, shell_path, PATH=str(commands))
    seen = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    assert seen["healthy"] == healthy, done.stderr
    assert told in seen["health"]


def test_a_health_url_that_nobody_answers_is_not_healthy_and_says_why(
    tmp_path: Path, environment: Environment, shell: str
) -> None:
    seen = looked(look(environment, HealthCheck(url="http://127.0.0.1:9/")), tmp_path, shell)
    assert seen["healthy"] == "0"
    assert "connect" in seen["health"]


@pytest.mark.parametrize(
    ("command", "healthy", "told"),
    [("echo fine", "1", "exits 0"), ("echo down: puma; exit 3", "0", "exits 3: down: puma")],
)
def test_a_health_command_counts_by_its_exit_status(
    tmp_path: Path, environment: Environment, shell: str, command: str, healthy: str, told: str
) -> None:
    seen = looked(look(environment, HealthCheck(command=command)), tmp_path, shell)
    assert seen["healthy"] == healthy
    assert told in seen["health"]


def test_a_look_sees_an_unfinished_change_and_a_skip_file(tmp_path: Path, environment: Environment, shell: str) -> None:
    seen = looked(look(environment, HEALTH), tmp_path, shell)
    assert (seen["unfinished"], seen["skip_file"]) == ("", "0")
    for path, text in (("var/lib/takeoff/lab/unfinished", "17.2.0\n"), ("etc/gitlab/skip-auto-reconfigure", "")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    seen = looked(look(environment, HEALTH), tmp_path, shell)
    assert (seen["unfinished"], seen["skip_file"]) == ("17.2.0", "1")


def migrating(**settings: Any) -> Environment:
    return environment_of({"main": {"web": 1}}, migrations=settings)


def test_rule_3_regular_migrations_have_post_deploy_ones_switched_off_and_their_environment(
    tmp_path: Path, shell: str
) -> None:
    environment = migrating(
        regular=['echo "$SKIP_POST_DEPLOYMENT_MIGRATIONS $DB_HOST"'], environment={"DB_HOST": "primary; $(false) 'x'"}
    )
    done = run(regular_migrations(environment), tmp_path, shell)
    assert done.stdout.splitlines()[-1] == "true primary; $(false) 'x'"


def test_post_deploy_migrations_are_not_switched_off(tmp_path: Path, shell: str) -> None:
    environment = migrating(post_deploy=['echo "[${SKIP_POST_DEPLOYMENT_MIGRATIONS-unset}]"'])
    assert run(post_deploy_migrations(environment), tmp_path, shell).stdout.splitlines()[-1] == "[unset]"


def test_rule_3_a_migration_does_not_begin_while_another_runs_on_the_node(tmp_path: Path, shell: str) -> None:
    lock = tmp_path / "var/lib/takeoff/lab/migrations.lock"
    lock.parent.mkdir(parents=True)
    with subprocess.Popen(
        ["flock", "-n", lock, "sh", "-c", "echo locked; read -r _"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"locked\n"
        done = run(regular_migrations(migrating(regular=["echo ran"])), tmp_path, shell)
        other.stdin.close()
    assert done.returncode == 1
    assert "another migration is running on this node" in done.stderr
    assert "ran" not in done.stdout


def test_a_service_that_a_migration_starts_does_not_keep_the_lock(tmp_path: Path, shell: str) -> None:
    environment = migrating(regular=["setsid sh -c 'exec sleep 5' >/dev/null 2>&1 & echo $! >pid"])
    assert run(regular_migrations(environment), tmp_path, shell).returncode == 0
    again = run(regular_migrations(migrating(regular=["echo ran"])), tmp_path, shell)
    subprocess.run(["kill", (tmp_path / "pid").read_text().strip()], check=False)
    assert again.returncode == 0, again.stderr


def test_a_migration_that_fails_gives_its_exit_status(tmp_path: Path, shell: str) -> None:
    assert run(regular_migrations(migrating(regular=["exit 7"])), tmp_path, shell).returncode == 7


def test_the_status_command_has_the_migrations_environment(tmp_path: Path, shell: str) -> None:
    environment = migrating(status="echo $DB_HOST", environment={"DB_HOST": "primary"})
    assert "primary" in run(migration_status(environment), tmp_path, shell).stdout.splitlines()
