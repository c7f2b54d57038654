"""The command as a person types it: exit statuses, one sentence for each mistake, quick to start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.conftest import SMALL

ROOT = Path(__file__).parents[2]


def takeoff(*arguments: str, folder: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("TAKEOFF_", "AIRFLOW"))}
    environment |= {"PYTHONPATH": str(ROOT / "plugins"), "NO_COLOR": "1", "COLUMNS": "120", **variables}
    if folder is not None:
        environment["TAKEOFF_ENVIRONMENTS"] = str(folder)
    return subprocess.run(
        [sys.executable, "-m", "takeoff.cli", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one environment, whose hosts give no answer."""
    known = tmp_path / "known_hosts"
    known.write_text("")
    ssh = "ssh: {user: takeoff, become: none, known_hosts: known_hosts, connect_timeout: 2s,"
    text = SMALL.replace("ssh: {user: takeoff, become: none", ssh.rstrip(",")).replace("port: 2222", "port: 1")
    (tmp_path / "lab.yml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status", "nowhere"], "no environment 'nowhere' in"),
        (["deploy", "lab"], "Missing argument 'VERSION'"),
        (["deploy", "lab", "17.1.0", "--skip", "paused"], "write it as GATE=REASON"),
        (["deploy", "lab", "17.1.0", "--skip", "paused=a", "--skip", "paused=b"], "given twice"),
        (["pause", "lab"], "Missing option '--reason'"),
        (["pause", "lab", "--reason", "x", "--for", "soon"], "--for: 'soon' is no duration"),
        (["journal", "lab", "--verify", "--restore"], "give one of them"),
        (["lease", "lab", "--release", "--move"], "not both"),
        (["rollback", "lab", "17.0.0", "--reason", " "], "needs a reason"),
        (["rollback", "lab", "17.0.0", "--reason", "x", "--force", "migrating=now"], "can never be forced"),
        (["rollback", "lab", "17.0.0", "--reason", "x", "--force", "weather=bad"], "there is no refusal 'weather'"),
        (["rollback", "lab", "17.0.0", "--reason", "x", "--force", "skew"], "write it as NAME=REASON"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
    ids=[
        "unknown environment",
        "no version",
        "a skip without a reason",
        "a skip given twice",
        "a pause without a reason",
        "no duration",
        "looking and acting at once",
        "two actions at once",
        "a rollback without a reason",
        "a refusal that is never forced",
        "no such refusal",
        "a force without a reason",
        "unknown command",
    ],
)
def test_wrong_usage_is_one_clear_message_and_status_2(folder: Path, arguments: list[str], said: str) -> None:
    done = takeoff(*arguments, folder=folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_that_gives_no_answer_is_status_1_and_one_sentence(folder: Path) -> None:
    done = takeoff("lease", "lab", folder=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("takeoff: deploy-01: no SSH connection to 127.0.0.1:1")
    assert done.stderr.count("\n") == 1


def test_a_traceback_is_shown_on_demand_only(folder: Path) -> None:
    assert "Traceback" in takeoff("lease", "lab", folder=folder, TAKEOFF_DEBUG="1").stderr


def test_a_broken_file_is_status_2_with_every_mistake_and_its_line(folder: Path) -> None:
    (folder / "lab.yml").write_text(SMALL.replace("deploy_node", "deploy_nod").replace("25%", "0%"))
    done = takeoff("validate", "lab", folder=folder)
    assert done.returncode == 2
    assert "lab.yml:8: deploy_nod: no such key" in done.stderr
    assert "lab.yml:1: deploy_node: is missing" in done.stderr


def test_all_files_are_validated_and_a_broken_one_hides_no_other(folder: Path) -> None:
    (folder / "other.yml").write_text("{")
    done = takeoff("validate", folder=folder)
    assert done.returncode == 2
    assert "lab.yml: valid: lab, 12 hosts named" in done.stdout
    assert "other.yml:2: this is no YAML" in done.stderr


def test_what_is_allowed_but_risky_is_warned_about(folder: Path) -> None:
    text = (folder / "lab.yml").read_text()
    (folder / "lab.yml").write_text(text.replace("    host: lb-01\n", '    tcp: "10.0.0.1:23646"\n'))
    done = takeoff("validate", "lab", folder=folder)
    assert done.returncode == 0
    assert "warning: load_balancers: lb-01 is reached over TCP (10.0.0.1:23646), unfenced" in done.stdout
    assert "warning: qa: is absent" in done.stdout


def test_the_schema_accepts_what_the_model_accepts() -> None:
    import json

    import jsonschema
    import yaml

    schema = json.loads(takeoff("schema").stdout)
    example = yaml.safe_load((ROOT / "config/environments/gstg.yml").read_text())
    jsonschema.validate(example, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(example | {"unknown": 1}, schema)


def test_environment_and_version_are_understood_in_either_order(folder: Path) -> None:
    one = takeoff("plan", "lab", "17.1.0", folder=folder)
    other = takeoff("plan", "17.1.0", "lab", folder=folder)
    assert one.stderr == other.stderr
    assert "deploy-01: no SSH connection" in one.stderr


def test_post_deploy_migrations_are_not_begun_where_nobody_can_be_asked() -> None:
    from takeoff.commands.deploying import confirm_point_of_no_return
    from takeoff.core.errors import ConfigError

    with pytest.raises(ConfigError, match="give --yes"):
        confirm_point_of_no_return(yes=False, asked=False)
    confirm_point_of_no_return(yes=True, asked=False)


def test_it_starts_without_airflow_and_without_what_only_some_commands_need() -> None:
    code = (
        "import sys, takeoff.cli\n"
        "heavy = {'airflow', 'asyncssh', 'pydantic', 'requests', 'gitlab'} & {m.split('.')[0] for m in sys.modules}\n"
        "print(sorted(heavy))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "plugins")
    assert run.stdout.strip() == "[]"


def test_working_on_an_environment_never_imports_airflow(folder: Path) -> None:
    code = (
        "import sys; sys.argv = ['takeoff', 'doctor', 'lab']\n"
        "from takeoff.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "sys.exit(any(name.split('.')[0] == 'airflow' for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TAKEOFF_ENVIRONMENTS": str(folder), "PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
