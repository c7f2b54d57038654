"""Messages to a channel, against something that speaks Slack's Web API over HTTP."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from takeoff.core.chat_reply import Reply
from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError, TakeoffError
from takeoff.core.notice import Notice
from takeoff.core.notification_text import answered_notice, approval_notice
from takeoff.operators import notify as notifying
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.notify import edit_progress, notify, notify_failure, settle_question
from takeoff.operators.slack_channel import LONGEST_PAUSE_S
from tests.core.conftest import SMALL
from tests.operators.slack_standin import SlackStandIn

RUN = "deploy_lab/scheduled__1"
HELLO = Notice(Reply("hello", ("first line", "second line"), "http://airflow.example/1"))


def test_a_message_goes_to_the_channel_of_the_file(environment: Environment, slack: SlackStandIn) -> None:
    notify(environment, HELLO)
    (message,) = slack.messages
    assert message.shown == "*hello*\nfirst line\nsecond line\n<http://airflow.example/1|Look at it in Airflow>"
    assert message.text == "hello"


def test_what_belongs_together_stands_in_one_thread(environment: Environment, slack: SlackStandIn) -> None:
    notify(environment, Notice(Reply("begun"), RUN, aloud=True))
    notify(environment, Notice(Reply("failed"), RUN, aloud=True), Notice(Reply("another run"), "deploy_lab/2"))
    notify(environment, Notice(Reply("a detail"), RUN))
    begun, failed, another, detail = slack.messages
    assert [begun.thread_ts, another.thread_ts] == ["", ""]
    assert slack.thread(begun) == [failed, detail]
    assert [failed.aloud, detail.aloud] == [True, False]


def test_progress_is_edited_in_place_and_only_when_it_says_something_new(
    environment: Environment, slack: SlackStandIn
) -> None:
    notify(environment, Notice(Reply("begun", ("0 of 3",)), RUN, progress_of="lab-1"))
    for line in ("0 of 3", "1 of 3", "1 of 3", "2 of 3"):
        edit_progress(environment, "lab-1", Reply("begun", (line,)))
    (message,) = slack.messages
    assert (message.edits, message.shown) == (2, "*begun*\n2 of 3")


def test_a_message_that_is_gone_is_not_edited_again_and_again(
    environment: Environment, slack: SlackStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    notify(environment, Notice(Reply("begun"), RUN, progress_of="lab-1"))
    slack.messages.clear()
    for number in range(3):
        edit_progress(environment, "lab-1", Reply("begun", (str(number),)))
    assert slack.calls.count("chat.update") == 1
    assert "message_not_found" in caplog.text


def test_a_question_has_a_button_until_it_is_answered(environment: Environment, slack: SlackStandIn) -> None:
    notify(environment, approval_notice("lab", "17.1.0-ee.0", ("1 Drop a",), ("17.0.0-ee.0",), "", RUN))
    (question,) = slack.messages
    assert question.button == "post-deploy lab", "the button alone does nothing: it asks the presser"
    assert "no longer reach `17.0.0-ee.0`" in question.shown
    settle_question(environment, answered_notice("lab", "Post-deploy migrations: Approve by ada", "", RUN))
    assert not question.button
    assert "Approve by ada" in question.shown
    (answered,) = slack.thread(question)
    assert "Approve by ada" in answered.text


@pytest.mark.parametrize("error", ["channel_not_found", "not_in_channel", "is_archived", "invalid_auth", "fatal_error"])
def test_a_refusal_is_logged_by_slacks_name_for_it_and_fails_nothing(
    environment: Environment, slack: SlackStandIn, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    slack.error = error
    notify(environment, HELLO)
    assert f"Slack was not told, the task goes on: Slack refuses it: {error}" in caplog.text


def test_a_broken_slack_is_logged_and_fails_nothing(
    environment: Environment, slack: SlackStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    slack.broken = True
    notify(environment, HELLO)
    assert "Slack was not told, the task goes on" in caplog.text


def test_a_slack_that_is_not_there_is_logged_and_fails_nothing(
    environment: Environment, variables: object, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", SlackStandIn(url="http://127.0.0.1:9/api/").connection)
    notify(environment, HELLO)
    assert "Connection refused" in caplog.text


def test_a_missing_connection_is_logged_and_fails_nothing(
    environment: Environment, variables: object, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_CHAT", raising=False)
    notify(environment, HELLO)
    assert "Slack was not told, the task goes on" in caplog.text


def test_too_many_messages_are_sent_once_slack_wants_them(environment: Environment, slack: SlackStandIn) -> None:
    slack.too_many = [0, 0]
    notify(environment, HELLO)
    assert slack.calls == ["chat.postMessage"] * 3
    assert len(slack.messages) == 1


def test_a_task_does_not_wait_long_for_slack(
    environment: Environment, slack: SlackStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    slack.too_many = [LONGEST_PAUSE_S + 1]
    notify(environment, HELLO)
    assert slack.calls == ["chat.postMessage"]
    assert "Slack refuses it: ratelimited" in caplog.text


def test_without_notifications_nobody_is_told(variables: object, caplog: pytest.LogCaptureFixture) -> None:
    notify(parse_environment(SMALL, "lab.yml").environment, HELLO)
    assert caplog.text == ""


def run(task: str = "preflight", *, automatic: bool = True) -> AirflowRun:
    return AirflowRun("deploy_lab", "scheduled__1", task, True, automatic, "schedule", "", {})


@pytest.fixture
def loaded(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(environment=environment)
    monkeypatch.setattr("takeoff.environment_files.load_environment", lambda _: found)


FULL: TakeoffError = ConfigError("web-01 has 3 MB left of 512 MB")


@pytest.mark.usefixtures("loaded")
def test_the_same_failure_of_one_automatic_run_after_another_is_told_once(slack: SlackStandIn) -> None:
    for free in (3, 2, 1):
        notify_failure("lab", run(), ConfigError(f"web-01 has {free} MB left of 512 MB"))
    notify_failure("lab", run(), ConfigError("web-01 gives no answer"))
    assert [("MB left" in one.shown, "no answer" in one.shown) for one in slack.messages] == [
        (True, False),
        (False, True),
    ]


@pytest.mark.usefixtures("loaded")
def test_a_retry_that_fails_as_before_is_told_again(slack: SlackStandIn) -> None:
    for _ in range(2):
        notify_failure("lab", run("main.web"), FULL)
    assert len(slack.messages) == 2


@pytest.mark.usefixtures("loaded")
def test_a_person_is_told_of_every_failure(slack: SlackStandIn) -> None:
    for _ in range(2):
        notify_failure("lab", run(automatic=False), FULL)
    assert len(slack.messages) == 2


@pytest.mark.usefixtures("loaded")
def test_what_somebody_asked_in_chat_is_answered_there_and_told_nobody_else(slack: SlackStandIn) -> None:
    notify_failure("lab", run(notifying.CONTROL), FULL)
    assert not slack.messages
