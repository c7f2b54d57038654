"""Who is in a user group, asked of something that speaks Slack's Web API over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.web.chat_connections import SlackGroups
from tests.core.conftest import SMALL
from tests.operators.slack_standin import SlackStandIn, slack_standin


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackStandIn]:
    with slack_standin() as server:
        server.groups["S1"] = ["U1", "U2"]
        monkeypatch.setenv("AIRFLOW_CONN_CHAT", server.connection)
        yield server


def groups(notifications: str = "notifications: {slack: {connection: chat, channel: '#deploys'}}\n") -> SlackGroups:
    environment: Environment = parse_environment(SMALL + notifications, "lab.yml").environment
    return SlackGroups(lambda: {environment.name: environment})


def test_slack_says_who_is_in_a_group_and_is_not_asked_for_each_command(slack: SlackStandIn) -> None:
    of = groups()
    assert of("U1", ["S1"]) == {"S1"}
    assert of("U9", ["S1"]) == frozenset()
    assert slack.calls == ["usergroups.users.list"]


@pytest.mark.parametrize("error", ["missing_scope", "no_such_subteam", "ratelimited"])
def test_a_group_that_cannot_be_asked_about_gives_nobody_a_right(
    slack: SlackStandIn, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    slack.error = error
    assert groups()("U1", ["S1"]) == frozenset()
    assert "User group S1 gives no rights now" in caplog.text
    assert error in caplog.text


def test_without_a_connection_groups_give_no_rights(slack: SlackStandIn, caplog: pytest.LogCaptureFixture) -> None:
    assert groups("")("U1", ["S1"]) == frozenset()
    assert "no environment names a connection to Slack" in caplog.text
