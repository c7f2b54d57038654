"""Whole deploys and a rollback from chat, on a real Airflow and a lab; one story, in the order of the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from takeoff.core.dag_names import deploy_dag, rollback_dag
from takeoff.core.task_ids import APPROVE, POST_DEPLOY
from tests.airflow.chat_airflow import ChattyAirflow, chatty_airflow
from tests.airflow.chat_servers import button, said
from tests.airflow.real_airflow import DAG
from tests.operators.slack_standin import Message

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def here() -> Iterator[ChattyAirflow]:
    with chatty_airflow() as here:
        yield here


def thread(here: ChattyAirflow, version: str, what: str = "deploy of") -> tuple[Message, list[Message]]:
    """The message that tells of an operation, and what was said below it."""
    first = next(one for one in here.channel.messages if f"{what} gitlab-ee `{version}`" in one.text)
    return first, here.channel.thread(first)


def test_packages_are_looked_for_on_a_worker(here: ChattyAirflow) -> None:
    here.real.publish("17.1.0-ee.0")
    assert "next: 17.1.0-ee.0" in said(here.slack("packages lab"))


def test_a_warmup_fills_the_hosts_and_installs_nothing(here: ChattyAirflow) -> None:
    told = said(here.slack("deploy lab 17.1.0 --warmup"))
    assert "lab is warm for 17.1.0-ee.0, nothing was installed: 7 changed" in told
    status = here.real.status()
    assert (status["deployed"], status["operation"]["kind"]) == ("17.0.0-ee.0", "warmup")
    assert status["operation"]["outcome"] == "succeeded"


def test_a_deploy_from_chat_is_the_askers_and_its_thread_tells_it(here: ChattyAirflow) -> None:
    assert "has begun" in said(here.slack("deploy 17.1 lab"))
    run = here.real.api.runs(DAG)[0]
    here.real.reaches(run, APPROVE, "awaiting_input")
    assert here.real.status()["operation"]["requested_by"].startswith("slack:jane (U0ADMIN) through")
    first, below = thread(here, "17.1.0-ee.0")
    assert "new: `17.0.0-ee.0` → `17.1.0-ee.0`" in first.shown
    assert "is done after" in first.text
    assert first.edits > 3, "its progress was edited in place"
    finished, question = below
    assert "lab runs gitlab-ee `17.1.0-ee.0`" in finished.text
    assert question.button == "post-deploy lab"


def test_retry_clears_what_failed(here: ChattyAirflow) -> None:
    here.real.publish("17.2.0-ee.0")
    here.real.fault("reconfigure", "web-02").apply("web-02")
    here.slack("deploy lab 17.2.0-ee.0")
    run = here.real.api.runs(DAG)[0]
    here.real.reaches(run, "main.web", "failed")
    here.real.ends(run)
    assert "`main.web` failed" in said(here.slack("status lab"))
    first, below = thread(here, "17.2.0-ee.0")
    assert "`main.web` failed" in first.shown
    assert "`main.web` failed and waits for a person" in below[-1].text
    assert "web-02" in below[-1].shown
    assert "`retry lab`" in below[-1].shown
    here.real.fault("reconfigure", "web-02").lift("web-02")
    assert "main.web" in said(here.slack("retry lab"))
    here.real.reaches(run, APPROVE, "awaiting_input", "skipped")


def test_a_rollback_goes_back(here: ChattyAirflow) -> None:
    assert "has begun" in said(here.mattermost("rollback lab 17.1 the login page is broken"))
    run = here.real.api.runs(rollback_dag("lab"))[0]
    assert "mattermost:release-manager" in run.note
    assert here.real.ends(run).state == "success"
    assert here.real.status()["deployed"] == "17.1.0-ee.0"
    _, below = thread(here, "17.1.0-ee.0", "rollback to")
    assert "`17.2.0-ee.0` is rejected; deploys stay held" in below[-1].shown


def test_the_button_in_the_channel_asks_and_the_second_one_approves(here: ChattyAirflow) -> None:
    here.slack("resume lab")
    here.real.publish("17.2.1-ee.0")
    here.slack('deploy lab 17.2.1-ee.0 --reason "with the login page repaired"')
    run = here.real.api.runs(DAG)[0]
    here.real.reaches(run, APPROVE, "awaiting_input")
    asked = here.real.eventually(
        lambda: [one for one in here.channel.thread(thread(here, "17.2.1-ee.0")[0]) if one.button],
        "the channel is asked",
    )[0]
    assert here.chat.press(asked.button, ephemeral=False).status_code == 200
    question = here.chat.answer()
    assert "cannot be undone" in said(question)
    assert here.real.api.task_states(DAG, run.run_id)[APPROVE] == "awaiting_input", (
        "the question alone approves nothing"
    )
    assert here.chat.press(button(question)).status_code == 200
    result = here.chat.answer()
    assert result["text"].startswith("Approved by slack:jane"), result
    here.real.reaches(run, POST_DEPLOY, "success")
    assert "slack:jane" in str(here.real.status()["points_of_no_return"][-1])
    assert not asked.button, "the question is answered for everybody"
    assert "Approve by" in asked.shown


def test_a_rollback_that_the_verdict_forbids_names_it(here: ChattyAirflow) -> None:
    told = said(here.slack("rollback check lab 17.0.0"))
    assert "can NOT be reached" in told
    assert "point_of_no_return" in told or "point of no return" in told


def test_an_old_yes_is_none_once_nothing_waits(here: ChattyAirflow) -> None:
    told = said(here.slack("post-deploy lab --confirm 123456"))
    assert "It asks again" in told or "cannot be undone" in told
    assert here.real.api.runs(deploy_dag("lab"))
