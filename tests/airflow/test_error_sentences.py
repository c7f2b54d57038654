"""A person's mistakes and the outside world's: one clear sentence in log and note, and nothing changed on a host."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from takeoff.clients.airflow_api import Run
from tests.airflow.real_airflow import DAG, RealAirflow
from tests.clients.scripted_server import Answer, scripted_server

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.timeout(900)]

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def candidate(takeoff: RealAirflow) -> str:
    """A version that could be deployed next."""
    major, minor, *_ = takeoff.status()["deployed"].split(".")
    version = f"{major}.{int(minor) + 1}.1-ee.0"
    takeoff.publish(version)
    return version


@pytest.fixture
def html() -> Iterator[str]:
    """The address of something that answers with pages."""
    with scripted_server() as server:
        server.answers["GET /api/v2/alerts"] = Answer("<html>Sign in</html>", kind="text/html")
        yield server.url


def unknown_host_keys(data: dict[str, Any]) -> None:
    data["ssh"]["known_hosts"] = "/dev/null"


def missing_connection(data: dict[str, Any]) -> None:
    data["qa"]["connection"] = "nowhere"


def failing_run(takeoff: RealAirflow, change: Change, task: str, version: str) -> Run:
    """Start a run with the changed file, see which task fails, and that nothing has changed by it."""
    before = takeoff.journal()
    with takeoff.environment_changed(change):
        run = takeoff.run(version=version)
        takeoff.reaches(run, task, "failed")
        ended = takeoff.ends(run)
    assert takeoff.journal() == before, "not even an operation was opened"
    assert {host["installed"] for host in takeoff.status()["hosts"]} == {takeoff.status()["deployed"]}
    return ended


def assert_told(takeoff: RealAirflow, run: Run, task: str, *parts: str) -> None:
    """The note and the log hold the same sentence, with these parts in it."""
    sentence = run.note.removeprefix(f"{task}: ").splitlines()
    told = " ".join(sentence)
    assert run.note.startswith(f"{task}: ")
    for part in parts:
        assert part in told
    assert "Traceback" not in run.note
    assert sentence[0] in takeoff.log(run, task)


def test_a_version_that_no_source_holds(takeoff, candidate):
    run = failing_run(takeoff, lambda data: None, "new_package", "99.0.0-ee.0")
    assert_told(takeoff, run, "new_package", "99.0.0-ee.0")


def test_an_unknown_host_key(takeoff, candidate):
    run = failing_run(takeoff, unknown_host_keys, "new_package", candidate)
    assert_told(takeoff, run, "new_package", "deploy-01: ", "host key", "/dev/null")


def test_a_missing_connection(takeoff, candidate):
    run = failing_run(takeoff, missing_connection, "preflight", candidate)
    assert_told(takeoff, run, "preflight", "qa.connection", "'nowhere'", "AIRFLOW_CONN_NOWHERE")


def test_an_alertmanager_that_answers_with_a_page(takeoff, candidate, html):
    run = failing_run(takeoff, lambda data: data["alerts"].update(url=html), "preflight", candidate)
    assert_told(takeoff, run, "preflight", html, "text/html instead of JSON")


def test_an_apt_repository_that_does_not_answer_is_tried_again(takeoff, candidate):
    def change(data: dict[str, Any]) -> None:
        data["package"]["sources"] = [data["package"]["sources"][0] | {"url": "http://127.0.0.1:1/"}]

    before = takeoff.journal()
    with takeoff.environment_changed(change):
        run = takeoff.run(version=candidate)
        takeoff.reaches(run, "new_package", "up_for_retry")
        note = takeoff.note(run)
        takeoff.api.end_run(DAG, run.run_id, "failed", note)
    assert "http://127.0.0.1:1" in note
    assert "(it is tried again by itself)" in note
    assert takeoff.journal() == before


def test_a_broken_environment_file_is_shown_and_the_others_live_on(takeoff):
    broken = takeoff.environment_file.with_name("broken.yml")

    def errors() -> list[str]:
        found = takeoff.get("/importErrors")["import_errors"]
        return [one["stack_trace"] for one in found if one["filename"].endswith("environment_errors.py")]

    broken.write_text("name: broken\nssl: {}\n")
    try:
        (error,) = takeoff.eventually(errors, "the import error is shown")
        assert f"{broken}:2: ssl: no such key" in error
        assert not takeoff.api.is_paused(DAG)
    finally:
        broken.unlink()
    takeoff.eventually(lambda: not errors(), "the import error goes away")
    assert not takeoff.api.is_paused(DAG)
