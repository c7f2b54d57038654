"""Chat on a real Airflow and a lab, over HTTP as Slack and Mattermost send it; one story, in the order of the tests.

What takes a whole deploy is in ``test_chat_deploys.py``.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import jwt
import pytest
import requests

from takeoff.clients.json_requests import request_json
from takeoff.core.dag_names import control_dag
from takeoff.core.errors import ConfigError
from tests.airflow.chat_airflow import MEMBER, ChattyAirflow, chatty_airflow
from tests.airflow.chat_servers import STRANGER, said
from tests.airflow.real_airflow import DAG, ROOT

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def here() -> Iterator[ChattyAirflow]:
    with chatty_airflow() as here:
        yield here


def test_nothing_is_known_before_the_first_run(here: ChattyAirflow) -> None:
    assert "no run has written its status" in said(here.slack("lease lab"))


def test_a_pause_is_carried_out_on_a_worker_in_the_askers_name_and_the_channel_is_told(here: ChattyAirflow) -> None:
    answer = here.slack("pause lab incident 42 for 2h")
    assert answer["response_type"] == "in_channel"
    assert "deploys of lab are paused until" in said(answer)
    run = here.real.api.runs(control_dag("lab"))[0]
    assert "slack:jane (U0ADMIN)" in run.note
    hold = here.real.status()["hold"]
    assert hold["reason"] == "incident 42"
    assert hold["by"].startswith("slack:jane (U0ADMIN) through ")
    (told,) = here.channel.messages
    assert "automatic deploys are held until" in told.text
    assert "incident 42" in told.text


@pytest.mark.parametrize("command", ["status lab", "status", "why lab"])
def test_looking_is_answered_from_the_mirror_with_its_age(here: ChattyAirflow, command: str) -> None:
    told = said(here.slack(command))
    assert "17.0.0-ee.0" in told or "incident 42" in told
    assert "ago" in told
    assert "PAUSED" in told or "incident 42" in told


def test_mattermost_understands_the_same(here: ChattyAirflow) -> None:
    answer = here.mattermost("why lab")
    assert "incident 42" in answer["text"]
    assert answer["response_type"] == "ephemeral"


def test_a_member_of_a_user_group_has_its_rights_and_no_other(here: ChattyAirflow) -> None:
    assert "incident 42" in said(here.slack("why lab", MEMBER))
    assert said(here.slack("resume lab", MEMBER)).startswith("*Sorry")


def test_gitlabs_own_spelling_resumes_and_the_channel_is_told(here: ChattyAirflow) -> None:
    assert "deploys of lab go on" in said(here.slack("auto_deploy unpause lab"))
    assert here.real.status()["hold"] is None
    assert "automatic deploys go on" in here.channel.messages[-1].text


def test_the_terminal_says_the_same(here: ChattyAirflow) -> None:
    assert "lab is free" in here.real.takeoff("chat", "lease", "lab")


def test_a_check_lists_the_gates_and_starts_no_deploy(here: ChattyAirflow) -> None:
    here.real.publish("17.1.0-ee.0")
    told = said(here.slack("deploy lab 17.1.0-ee.0 --check"))
    assert "17.1.0-ee.0 to lab (now 17.0.0-ee.0)" in told
    assert not here.real.api.runs(DAG)


def test_a_rollback_check_names_what_can_be_reached(here: ChattyAirflow) -> None:
    assert "rollback" in said(here.slack("rollback check lab"))


def test_a_lease_is_released_after_the_typed_yes_only(here: ChattyAirflow) -> None:
    question = here.mattermost("lease lab release stuck")["text"]
    command = question.rsplit("type: `", 1)[1].split("`", 1)[0]
    assert "--confirm" in command
    assert "there is nothing to release" in here.mattermost(command)["text"]


def test_a_stranger_is_refused_politely_and_nothing_happens(here: ChattyAirflow) -> None:
    told = said(here.slack("deploy lab 17.1.0-ee.0", STRANGER))
    assert told.startswith("*Sorry")
    assert "`deploy`" in told
    assert not here.real.api.runs(DAG)


def test_an_airflow_that_is_down_is_told_honestly(here: ChattyAirflow) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = chat_in_terminal(here, "resume lab", port)
    assert done.returncode == 1
    assert "got no answer" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_token_that_has_expired_is_renewed(here: ChattyAirflow) -> None:
    api = here.real.api
    api.runs(DAG)
    secret = here.real.airflow.env["AIRFLOW__API_AUTH__JWT_SECRET"]
    algorithm = jwt.get_unverified_header(api._token)["alg"]
    claims = jwt.decode(api._token, options={"verify_signature": False})
    api._token = expired = jwt.encode(claims | {"exp": claims["iat"] - 60}, secret, algorithm)
    with pytest.raises(ConfigError, match="401"):
        request_json(
            requests.Session(),
            "Airflow",
            "GET",
            f"{api.url}/api/v2/dags",
            headers={"Authorization": f"Bearer {expired}"},
        )
    assert not api.runs(DAG)
    assert api._token != expired


def test_two_commands_at_the_same_moment_and_a_double_click_start_one_run(here: ChattyAirflow) -> None:
    """The last one: its deploy goes on."""
    clicks = [threading.Thread(target=here.chat.slack, args=("deploy 17.1.0 lab",)) for _ in range(3)]
    for click in clicks:
        click.start()
    for click in clicks:
        click.join()
    told = sorted(said(here.chat.answer()) for _ in clicks)
    assert sum("has begun" in one for one in told) == 1, told
    assert sum("came a moment ago already" in one for one in told) == 2, told
    assert [run.run_id.startswith("chat__") for run in here.real.api.runs(DAG)] == [True]


def chat_in_terminal(here: ChattyAirflow, command: str, port: int) -> subprocess.CompletedProcess[str]:
    """Type a command in a terminal whose Airflow is at another port."""
    connection = {"conn_type": "http", "host": "127.0.0.1", "port": port, "login": "a", "password": "b"}
    return subprocess.run(
        [sys.executable, "-m", "takeoff.cli", "chat", command],
        cwd=ROOT,
        env=here.real.airflow.env | {"AIRFLOW_CONN_AIRFLOW_API": json.dumps(connection)},
        capture_output=True,
        text=True,
        check=False,
    )
