"""Airflow on a lab, with chat: Slack and Mattermost over HTTP, and a channel that is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from takeoff.core.dag_names import control_dag, rollback_dag
from tests.airflow.chat_servers import SIGNING_SECRET, TOKEN, ChatServer, chat_server
from tests.airflow.real_airflow import RealAirflow
from tests.conftest import folder_within_reach
from tests.operators.slack_standin import CHANNEL, SlackStandIn, slack_standin

EVERYTHING = ["look", "deploy", "rollback", "pause", "post_deploy", "lease", "override"]
GROUP, MEMBER = "S0RELEASE", "U0MEMBER"
RIGHTS = {right: ["slack:U0ADMIN", "mattermost:release-manager"] for right in EVERYTHING}
RIGHTS["look"] = [*RIGHTS["look"], f"slack-group:{GROUP}"]
AT_ONCE = "One moment"


@dataclass(frozen=True)
class ChattyAirflow:
    """What a test talks to.

    Attributes:
        real: Airflow on a lab whose hosts run 17.0.0-ee.0.
        chat: sends commands, and takes answers.
        channel: Slack's Web API, with the channel of the environment.
    """

    real: RealAirflow
    chat: ChatServer
    channel: SlackStandIn

    def slack(self, text: str, user: str = "U0ADMIN") -> dict[str, Any]:
        """Type a command in Slack and wait for what comes of it."""
        at_once = self.chat.slack(text, user)
        assert at_once.status_code == 200
        assert at_once.elapsed.total_seconds() < 3
        message: dict[str, Any] = at_once.json()
        return self.chat.answer() if AT_ONCE in message["text"] else message

    def mattermost(self, text: str) -> dict[str, Any]:
        """Type a command in Mattermost and wait for what comes of it."""
        message: dict[str, Any] = self.chat.mattermost(text).json()
        return self.chat.answer() if AT_ONCE in message["text"] else message


@contextmanager
def chatty_airflow() -> Iterator[ChattyAirflow]:
    """Start it all, and stop it."""
    with chat_server() as chat, slack_standin() as channel, folder_within_reach() as folder:
        channel.groups[GROUP] = [MEMBER]
        known = {
            "takeoff_slack": {"conn_type": "http", "host": chat.url, "password": SIGNING_SECRET},
            "takeoff_mattermost": {"conn_type": "http", "host": chat.url, "password": f"other {TOKEN}"},
            "slack_channel": json.loads(channel.connection),
        }
        settings = {
            "chat": {"rights": RIGHTS},
            "notifications": {"slack": {"connection": "slack_channel", "channel": CHANNEL}},
        }
        real = RealAirflow(folder, settings, known)
        try:
            real.start()
            chat.target = f"{real.airflow.base_url}/takeoff-hooks"
            for dag in (control_dag("lab"), rollback_dag("lab")):
                real.eventually(lambda dag=dag: is_known(real, dag), f"Airflow knows {dag}")
            yield ChattyAirflow(real, chat, channel)
        finally:
            real.stop()


def is_known(real: RealAirflow, dag: str) -> bool:
    """Whether Airflow has read a DAG."""
    return any(one["dag_id"] == dag for one in real.get("/dags", limit=100)["dags"])
