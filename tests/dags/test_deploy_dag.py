"""The DAGs as Airflow reads them from their files."""

import itertools
import json
import os
import subprocess
import sys

import pytest

from bench.dag_reading import IMPORT_AIRFLOW
from takeoff.core.environment_text import parse_environment
from takeoff.core.task_ids import deploy_tasks
from tests.dags.conftest import ROOT, environment_text

MANUAL = environment_text("gstg") + "post_deploy_checks: {qa: true, alerts: true}\n"
NEXT = environment_text("gprd") + "post_deploy: next_deploy\n"


def read_dags():
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"), safe_mode=False)


@pytest.fixture
def bag(environments):
    environments(gstg=MANUAL, gprd=NEXT)
    return read_dags()


def test_every_environment_has_its_deploy_and_no_file_fails(bag):
    assert bag.import_errors == {}
    assert {"deploy_gstg", "deploy_gprd"} <= set(bag.dags)


@pytest.mark.parametrize("text", [pytest.param(MANUAL, id="manual"), pytest.param(NEXT, id="next deploy")])
def test_the_tasks_are_those_of_the_procedure_in_its_order(bag, text):
    environment = parse_environment(text, "x.yml").environment
    dag = bag.dags[f"deploy_{environment.name}"]
    expected = [spec.id for spec in deploy_tasks(environment)]
    assert [task.task_id for task in dag.topological_sort()] == expected
    for earlier, later in itertools.pairwise(expected):
        assert dag.get_task(later).upstream_task_ids == {earlier}


def test_no_run_has_more_than_thirty_tasks(bag):
    assert max(len(dag.tasks) for dag in bag.dags.values()) <= 30


def test_dag_and_tasks_carry_their_runbook(bag):
    for dag in bag.dags.values():
        if dag.dag_id.startswith("deploy_"):
            assert f"takeoff pause {dag.dag_id.removeprefix('deploy_')}" in dag.doc_md
            for task in dag.tasks:
                for heading in ("What it does.", "If it fails.", "What to do."):
                    assert heading in task.doc_md, task.task_id
                assert "{environment}" not in task.doc_md


def test_the_checks_after_the_migrations_say_in_their_runbook_what_stands_when_they_fail(bag):
    for name in ("qa", "alerts"):
        told = bag.dags["deploy_gstg"].get_task(f"post_deploy.{name}").doc_md
        assert "The migrations themselves are done, and no version before theirs can come back." in told
        assert "takeoff post-deploy gstg" in told


def test_a_waiting_approval_leaves_room_for_the_next_runs(bag):
    dag = bag.dags["deploy_gstg"]
    assert (dag.max_active_runs, dag.is_paused_upon_creation, dag.catchup) == (16, False, False)


def test_nobodys_answer_counts_as_no_and_an_answer_may_have_a_comment_and_name_whom_it_is_for(bag):
    approve = bag.dags["deploy_gstg"].get_task("post_deploy.approve")
    assert (approve.defaults, set(approve.params)) == (["Reject"], {"comment", "requested_by"})


@pytest.mark.parametrize(
    ("dag", "task", "required"),
    [
        pytest.param("deploy_gstg", None, set(), id="deploy"),
        pytest.param("deploy_gstg", "post_deploy.approve", set(), id="approval"),
        pytest.param("control_gstg", None, set(), id="control"),
        pytest.param("rollback_gstg", None, {"version", "reason"}, id="rollback"),
    ],
)
def test_a_form_can_be_sent_with_nothing_filled_in_but_what_is_required(bag, dag, task, required):
    """Airflow's form holds a field that is empty for missing unless null is one of its types."""
    form = bag.dags[dag].get_task(task).params if task else bag.dags[dag].params
    fields = {name: form.get_param(name) for name in form}
    empty = {name for name, field in fields.items() if not field.has_value or field.value in (None, "")}
    takes_null = {name for name, field in fields.items() if "null" in field.schema["type"]}
    assert empty - takes_null == required


def test_a_person_may_give_version_reason_and_skips_and_nothing_is_required(bag):
    from airflow.sdk.exceptions import ParamValidationError

    params = bag.dags["deploy_gstg"].params
    given = {"version": None, "reason": None, "skip": {}, "requested_by": None}
    assert {name: params[name] for name in params} == given
    for version in ("17.4.1-ee.0", "17.4", None):
        params.get_param("version").resolve(version)
    for version in ("17.4; reboot", "$(id)", "-17", ""):
        with pytest.raises(ParamValidationError, match="does not match"):
            params.get_param("version").resolve(version)
    with pytest.raises(ParamValidationError):
        params.get_param("skip").resolve({"freeze": ""})


def test_an_environment_without_a_schedule_waits_for_its_asset_only(environments):
    environments(gstg=MANUAL + "schedule: null\n", gprd=MANUAL.replace("name: gstg", "name: gprd"))
    dags = read_dags().dags
    assert "Asset" in type(dags["deploy_gstg"].timetable).__name__
    assert type(dags["deploy_gstg"].timetable) is not type(dags["deploy_gprd"].timetable)


def test_a_broken_file_is_an_import_error_and_the_others_live_on(environments):
    folder = environments(gstg=MANUAL, broken="name: broken\nstages: []\nssl: {}\n")
    bag = read_dags()
    assert "deploy_gstg" in bag.dags
    assert "deploy_broken" not in bag.dags
    ((file, error),) = bag.import_errors.items()
    assert file.endswith("environment_errors.py")
    assert f"{folder}/broken.yml:3: ssl: no such key" in error


READ = f"""{IMPORT_AIRFLOW}
import json
before, calls = set(sys.modules), 0
def count(frame, event, argument):
    global calls
    calls += event == "call"
sys.setprofile(count)
for path in sys.argv[1:]:
    runpy.run_path(path)
sys.setprofile(None)
print(json.dumps([calls, sorted(set(sys.modules) - before)]))
"""


@pytest.fixture
def reading(environments) -> tuple[int, set[str]]:
    """Function calls of reading all DAG files for ten environments, and the modules it loads beyond Airflow's."""
    folder = environments(**{f"env{number}": environment_text(f"env{number}") for number in range(10)})
    done = subprocess.run(
        [sys.executable, "-c", READ, *sorted(map(str, (ROOT / "dags").glob("*.py")))],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "plugins"), "TAKEOFF_ENVIRONMENTS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    calls, modules = json.loads(done.stdout.splitlines()[-1])
    return calls, set(modules)


def test_reading_ten_environments_takes_few_calls(reading):
    """What they cost in seconds depends on the machine: `python -m bench dag_reading` holds it against its limit."""
    calls, _ = reading
    assert calls < 330_000


def test_reading_dags_loads_nothing_that_talks_to_hosts_or_servers_nor_the_journal(reading):
    _, modules = reading
    assert not {"asyncssh", "gitlab", "requests", "slack_sdk"} & modules
    assert not {"takeoff.engine.session", "takeoff.core.record", "takeoff.operators.notify"} & modules
