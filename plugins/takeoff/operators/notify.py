"""An environment's channel is told, in the right thread; whatever goes wrong with that is logged and fails no task."""

from __future__ import annotations

import logging
import re

from airflow.sdk import Variable
from pydantic import ValidationError

from takeoff.core.chat_reply import Reply
from takeoff.core.dag_names import told_variable
from takeoff.core.environment import Environment
from takeoff.core.errors import TakeoffError
from takeoff.core.failure_notice import NOTHING_CHANGED, failure_notice
from takeoff.core.notice import Notice, Posted, Told
from takeoff.operators.airflow_run import AirflowRun

log = logging.getLogger(__name__)

GONE = ("message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found")
"""Answers of Slack after which a message is not edited any more."""

CONTROL = "control"
"""The one task of ``control_<environment>``: whoever asked is answered, so the channel is not told that it failed."""


def notify(environment: Environment, *notices: Notice) -> None:
    """Send messages where the environment's file says."""
    slack = environment.notifications.slack
    if slack is None or not notices:
        return
    try:
        from takeoff.operators.slack_channel import SlackChannel

        channel, told = SlackChannel(slack), read_told(environment.name)
        for notice in notices:
            posted = channel.post(notice.reply, told.thread_of(notice), aloud=notice.aloud)
            told = told.with_posted(notice, posted)
            if notice.thread:
                keep_told(environment.name, told)
    except Exception as error:
        log.warning("Slack was not told, the task goes on: %s", said_by_slack(error))


def edit_progress(environment: Environment, operation: str, reply: Reply) -> None:
    """Bring the message that tells an operation's progress up to date, where there is one and it says less."""
    told = read_told(environment.name)
    if (posted := told.progress.get(operation)) is None or posted.text == reply.text:
        return
    edited = _edited(environment, posted, reply)
    if edited is None:
        left = {name: one for name, one in told.progress.items() if name != operation}
        keep_told(environment.name, told.model_copy(update={"progress": left}))
    else:
        keep_told(environment.name, told.model_copy(update={"progress": told.progress | {operation: edited}}))


def settle_question(environment: Environment, notice: Notice) -> None:
    """Tell how a question was answered, and take its button away."""
    notify(environment, notice)
    told = read_told(environment.name)
    if (posted := told.questions.get(notice.thread)) is not None:
        _edited(environment, posted, notice.reply)


def notify_failure(environment: str, run: AirflowRun, error: TakeoffError) -> None:
    """Tell that a task waits for a person; of what every automatic run meets, not over and over."""
    from takeoff.environment_files import load_environment

    if run.task_id == CONTROL:
        return
    try:
        loaded = load_environment(environment).environment
    except TakeoffError:
        return  # The error that is told already is most likely this one.
    if loaded.notifications.slack is None:
        return
    told = read_told(environment)
    # Numbers in it (ages, sizes) may be others although the trouble is the same.
    failure = f"{run.task_id}: {re.sub('[0-9]+', '0', str(error))}"
    repeats = run.automatic and run.task_id in NOTHING_CHANGED
    if repeats and told.failure == failure:
        log.info("Slack knows of it already")
        return
    if repeats:
        keep_told(environment, told.model_copy(update={"failure": failure}))
    notify(loaded, failure_notice(environment, run.task_id, error, run.url, run.name))


def read_told(environment: str) -> Told:
    """Read what the channel was told; nothing, where that cannot be read."""
    try:
        text = Variable.get(told_variable(environment), default="")
        return Told.model_validate_json(text) if text else Told()
    except ValidationError:
        return Told()
    except Exception as error:
        log.warning("What Slack was told is not known: %s", error)
        return Told()


def keep_told(environment: str, told: Told) -> None:
    """Remember it; where that fails, the next message begins a thread of its own."""
    try:
        Variable.set(told_variable(environment), told.model_dump_json(), "Written by Takeoff's tasks; read only.")
    except Exception as error:
        log.warning("What Slack was told is not remembered: %s", error)


def said_by_slack(error: Exception) -> str:
    """Say in a line what went wrong with Slack."""
    if refusal := _refusal(error):
        return f"Slack refuses it: {refusal}"
    return " ".join(str(error).split()) or type(error).__name__


def _edited(environment: Environment, posted: Posted, reply: Reply) -> Posted | None:
    """Edit a message; ``None`` if that is not possible any more."""
    slack = environment.notifications.slack
    if slack is None:
        return None
    try:
        from takeoff.operators.slack_channel import SlackChannel

        return SlackChannel(slack).edit(posted, reply)
    except Exception as error:
        log.warning("A message in Slack was not edited, the task goes on: %s", said_by_slack(error))
        return None if _refusal(error) in GONE else posted


def _refusal(error: Exception) -> str:
    """Name Slack's own word for a refusal; empty if it is none of Slack's."""
    from slack_sdk.errors import SlackApiError

    return str(error.response.get("error") or "") if isinstance(error, SlackApiError) else ""
