"""What the tests of messages to chat share: Airflow's Variables in memory, and Slack over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.operators import lasting_trouble, notify
from tests.core.conftest import SMALL
from tests.operators.slack_standin import CHANNEL, SlackStandIn, slack_standin


class Variables:
    """Airflow's Variables, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def get(self, name: str, default: Any = None) -> Any:
        return self.kept.get(name, default)

    def set(self, name: str, value: str, description: str = "") -> None:
        self.kept[name] = value

    def delete(self, name: str) -> None:
        del self.kept[name]


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    kept = Variables()
    monkeypatch.setattr(lasting_trouble, "Variable", kept)
    monkeypatch.setattr(notify, "Variable", kept)
    return kept


@pytest.fixture
def environment() -> Environment:
    """An environment whose channel is told."""
    text = SMALL + f"notifications: {{slack: {{connection: chat, channel: '{CHANNEL}'}}}}\n"
    return parse_environment(text, "lab.yml").environment


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch, variables: Variables) -> Iterator[SlackStandIn]:
    """Slack, known as the connection ``chat``."""
    with slack_standin() as server:
        monkeypatch.setenv("AIRFLOW_CONN_CHAT", server.connection)
        yield server
