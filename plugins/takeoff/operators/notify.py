"""Messages to chat through Airflow's Slack provider; none of them ever fails a task."""

from __future__ import annotations

import logging

from takeoff.core.environment import Environment
from takeoff.core.errors import TakeoffError
from takeoff.core.notification_text import failed_text
from takeoff.operators.airflow_run import AirflowRun

log = logging.getLogger(__name__)

TIMEOUT_S = 10
"""Seconds for Slack to answer."""


def notify(environment: Environment, text: str) -> None:
    """Send a message where the environment's file says."""
    slack = environment.notifications.slack
    if slack is None:
        return
    try:
        from airflow.providers.slack.hooks.slack import SlackHook

        hook = SlackHook(slack_conn_id=slack.connection, timeout=TIMEOUT_S)
        hook.call("chat.postMessage", json={"channel": slack.channel, "text": text, "unfurl_links": False})
    except Exception as error:
        log.warning("Slack was not told, the task goes on: %s", error)


def notify_failure(environment: str, run: AirflowRun, error: str) -> None:
    """Tell that a task waits for a person."""
    from takeoff.environment_files import load_environment

    try:
        loaded = load_environment(environment)
    except TakeoffError:
        return  # The error that is told already is most likely this one.
    notify(loaded.environment, failed_text(environment, run.task_id, error, run.url))
