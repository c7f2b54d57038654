"""Chat on a real Airflow and a lab, over HTTP as Slack and Mattermost send it; one story, in the order of the tests."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from takeoff.core.dag_names import control_dag, rollback_dag
from takeoff.core.task_ids import APPROVE, POST_DEPLOY
from tests.airflow.chat_servers import SIGNING_SECRET, STRANGER, TOKEN, ChatServer, button, chat_server, said
from tests.airflow.real_airflow import DAG, ROOT, RealAirflow
from tests.conftest import folder_within_reach

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

EVERYTHING = ["look", "deploy", "rollback", "pause", "post_deploy", "lease", "override"]
RIGHTS = {right: ["slack:U0ADMIN", "mattermost:release-manager"] for right in EVERYTHING}
QUIET_AT_ONCE = "One moment"


@pytest.fixture(scope="module")
def chat() -> Iterator[ChatServer]:
    with chat_server() as server:
        yield server


@pytest.fixture(scope="module")
def real(chat: ChatServer) -> Iterator[RealAirflow]:
    """Airflow on a lab whose hosts run 17.0.0-ee.0, with chat."""
    known = {
        "takeoff_slack": {"conn_type": "http", "host": chat.url, "password": SIGNING_SECRET},
        "takeoff_mattermost": {"conn_type": "http", "host": chat.url, "password": f"other {TOKEN}"},
    }
    with folder_within_reach() as folder:
        real = RealAirflow(folder, {"chat": {"rights": RIGHTS}}, known)
        try:
            real.start()
            chat.target = f"{real.airflow.base_url}/takeoff-hooks"
            for dag in (control_dag("lab"), rollback_dag("lab")):
                real.eventually(lambda dag=dag: is_known(real, dag), f"Airflow knows {dag}")
            yield real
        finally:
            real.stop()


def is_known(real: RealAirflow, dag: str) -> bool:
    return any(one["dag_id"] == dag for one in real.get("/dags", limit=100)["dags"])


def slack(chat: ChatServer, text: str) -> dict[str, Any]:
    """Type a command in Slack and wait for what comes of it."""
    at_once = chat.slack(text)
    assert at_once.status_code == 200
    assert at_once.elapsed.total_seconds() < 3
    message = at_once.json()
    return chat.answer() if QUIET_AT_ONCE in message["text"] else message


def mattermost(chat: ChatServer, text: str) -> dict[str, Any]:
    message = chat.mattermost(text).json()
    return chat.answer() if QUIET_AT_ONCE in message["text"] else message


def test_nothing_is_known_before_the_first_run(real: RealAirflow, chat: ChatServer) -> None:
    assert "no run has written its status" in said(slack(chat, "lease lab"))


def test_a_pause_with_a_duration_is_carried_out_on_a_worker_in_the_askers_name(
    real: RealAirflow, chat: ChatServer
) -> None:
    answer = slack(chat, "pause lab incident 42 for 2h")
    assert answer["response_type"] == "in_channel"
    assert "deploys of lab are paused until" in said(answer)
    run = real.api.runs(control_dag("lab"))[0]
    assert "slack:jane (U0ADMIN)" in run.note
    hold = real.status()["hold"]
    assert hold["reason"] == "incident 42"
    assert hold["by"].startswith("slack:jane (U0ADMIN) through ")


@pytest.mark.parametrize("command", ["status lab", "status", "why lab"])
def test_looking_is_answered_from_the_mirror_with_its_age(real: RealAirflow, chat: ChatServer, command: str) -> None:
    told = said(slack(chat, command))
    assert "17.0.0-ee.0" in told or "incident 42" in told
    assert "ago" in told
    assert "PAUSED" in told or "incident 42" in told


def test_mattermost_understands_the_same(real: RealAirflow, chat: ChatServer) -> None:
    answer = mattermost(chat, "why lab")
    assert "incident 42" in answer["text"]
    assert answer["response_type"] == "ephemeral"


def test_gitlabs_own_spelling_resumes(real: RealAirflow, chat: ChatServer) -> None:
    assert "deploys of lab go on" in said(slack(chat, "auto_deploy unpause lab"))
    assert real.status()["hold"] is None


def test_the_terminal_says_the_same(real: RealAirflow, chat: ChatServer) -> None:
    told = real.takeoff("chat", "lease", "lab")
    assert "lab is free" in told


def test_packages_are_looked_for_on_a_worker(real: RealAirflow, chat: ChatServer) -> None:
    real.publish("17.1.0-ee.0")
    told = said(slack(chat, "packages lab"))
    assert "next: 17.1.0-ee.0" in told


def test_a_check_lists_the_gates_and_starts_no_deploy(real: RealAirflow, chat: ChatServer) -> None:
    told = said(slack(chat, "deploy lab 17.1 --check"))
    assert "17.1.0-ee.0 to lab (now 17.0.0-ee.0)" in told
    assert not real.api.runs(DAG)


def test_a_rollback_check_names_what_can_be_reached(real: RealAirflow, chat: ChatServer) -> None:
    assert "rollback" in said(slack(chat, "rollback check lab"))


def test_a_stranger_is_refused_politely_and_nothing_happens(real: RealAirflow, chat: ChatServer) -> None:
    assert chat.slack("deploy lab 17.1", STRANGER).status_code == 200
    told = said(chat.answer())
    assert told.startswith("*Sorry")
    assert "`deploy`" in told
    assert not real.api.runs(DAG)


def test_two_commands_at_the_same_moment_and_a_double_click_start_one_run(real: RealAirflow, chat: ChatServer) -> None:
    clicks = [threading.Thread(target=chat.slack, args=("deploy 17.1 lab",)) for _ in range(3)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    told = sorted(said(chat.answer()) for _ in clicks)
    assert sum("has begun" in one for one in told) == 1, told
    assert sum("came a moment ago already" in one for one in told) == 2, told
    runs = real.api.runs(DAG)
    assert [run.run_id.startswith("chat__") for run in runs] == [True]
    real.reaches(runs[0], APPROVE, "awaiting_input")
    operation = real.status()["operation"]
    assert operation["requested_by"].startswith("slack:jane (U0ADMIN) through")


def test_retry_clears_what_failed(real: RealAirflow, chat: ChatServer) -> None:
    real.publish("17.2.0-ee.0")
    real.fault("reconfigure", "web-02").apply("web-02")
    slack(chat, "deploy lab 17.2.0")
    run = real.api.runs(DAG)[0]
    real.reaches(run, "main.web", "failed")
    real.ends(run)
    assert "`main.web` failed" in said(slack(chat, "status lab"))
    real.fault("reconfigure", "web-02").lift("web-02")
    told = said(slack(chat, "retry lab"))
    assert "main.web" in told
    real.reaches(run, APPROVE, "awaiting_input", "skipped")


def test_a_rollback_goes_back(real: RealAirflow, chat: ChatServer) -> None:
    assert "has begun" in said(mattermost(chat, "rollback lab 17.1 the login page is broken"))
    run = real.api.runs(rollback_dag("lab"))[0]
    assert "mattermost:release-manager" in run.note
    assert real.ends(run).state == "success"
    assert real.status()["deployed"] == "17.1.0-ee.0"


def test_a_lease_is_released_after_the_typed_yes_only(real: RealAirflow, chat: ChatServer) -> None:
    question = mattermost(chat, "lease lab release stuck")["text"]
    command = question.rsplit("type: `", 1)[1].split("`", 1)[0]
    assert "--confirm" in command
    told = mattermost(chat, command)["text"]
    assert "there is nothing to release" in told


def test_post_deploy_asks_and_a_button_answers(real: RealAirflow, chat: ChatServer) -> None:
    slack(chat, "resume lab")
    real.publish("17.2.1-ee.0")
    slack(chat, 'deploy lab 17.2.1 --reason "with the login page repaired"')
    run = real.api.runs(DAG)[0]
    real.reaches(run, APPROVE, "awaiting_input")
    question = slack(chat, "post-deploy lab")
    assert "cannot be undone" in said(question)
    assert real.api.task_states(DAG, run.run_id)[APPROVE] == "awaiting_input", "the question alone approves nothing"
    assert chat.press(button(question)).status_code == 200
    result = chat.answer()
    assert result["text"].startswith("Approved by slack:jane"), result
    real.reaches(run, POST_DEPLOY, "success")
    assert any("slack:jane" in point["by"] or point for point in real.status()["points_of_no_return"])


def test_a_rollback_that_the_verdict_forbids_fails_and_names_it(real: RealAirflow, chat: ChatServer) -> None:
    told = said(slack(chat, "rollback check lab 17.0.0"))
    assert "can NOT be reached" in told
    assert "point_of_no_return" in told or "point of no return" in told


def test_an_old_yes_is_none_once_nothing_waits(real: RealAirflow, chat: ChatServer) -> None:
    told = said(slack(chat, "post-deploy lab --confirm 123456"))
    assert "It asks again" in told or "cannot be undone" in told


def test_airflow_that_does_not_answer_is_told_honestly(real: RealAirflow) -> None:
    env = real.airflow.env | {
        "AIRFLOW_CONN_AIRFLOW_API": '{"conn_type":"http","host":"127.0.0.1","port":9,"login":"a","password":"b"}'
    }
    done = subprocess.run(
        [sys.executable, "-m", "takeoff.cli", "chat", "resume lab"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "got no answer" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
