"""The channel follows the journal, whoever wrote it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from takeoff.core.environment import Environment
from takeoff.core.journal_entries import Adopted, Entry, HoldSet
from takeoff.core.operation import OperationKind
from takeoff.core.record import Record
from takeoff.operators.journal_news import NEWS_FOR, tell_news
from tests.core.test_operation_notices import Story
from tests.operators.conftest import Variables
from tests.operators.slack_standin import SlackStandIn


def journal(*ages: timedelta) -> tuple[Record, tuple[Entry, ...]]:
    """A journal of an adoption long ago, and holds of some age."""
    record, entries = Record(), []
    moments = [datetime.now(UTC) - timedelta(days=9), *(datetime.now(UTC) - age for age in ages)]
    for number, at in enumerate(moments, 1):
        body = Adopted(authority="a1", version="1", versions={}) if number == 1 else HoldSet(reason=f"reason {number}")
        entry = Entry(seq=number, at=at, by="jane", body=body, previous=record.head).sealed()
        record = record.after(entry)
        entries.append(entry)
    return record, tuple(entries)


def reasons(slack: SlackStandIn) -> list[str]:
    return [message.text.rpartition(": ")[2] for message in slack.messages]


def test_each_entry_is_told_once(environment: Environment, slack: SlackStandIn) -> None:
    moments = [timedelta(minutes=3), timedelta(minutes=2), timedelta(minutes=1)]
    for count in (1, 1, 2, 3, 3):
        tell_news(environment, *journal(*moments[:count]))
    assert reasons(slack) == ["reason 2", "reason 3", "reason 4"]


def test_a_channel_that_was_never_told_anything_is_not_told_the_past(
    environment: Environment, slack: SlackStandIn
) -> None:
    tell_news(environment, *journal(NEWS_FOR + timedelta(minutes=1), timedelta(minutes=1)))
    assert reasons(slack) == ["reason 3"]


def test_what_the_command_wrote_hours_ago_is_told_by_the_next_task(
    environment: Environment, slack: SlackStandIn
) -> None:
    tell_news(environment, *journal())
    tell_news(environment, *journal(NEWS_FOR * 3))
    assert reasons(slack) == ["reason 2"]


def test_a_process_that_is_behind_repeats_nothing(environment: Environment, slack: SlackStandIn) -> None:
    moments = [timedelta(minutes=2), timedelta(minutes=1)]
    tell_news(environment, *journal(*moments))
    tell_news(environment, *journal(*moments[:1]))
    tell_news(environment, *journal(*moments))
    assert reasons(slack) == ["reason 2", "reason 3"]


def test_what_slack_did_not_take_is_lost_and_logged_and_nothing_is_raised(
    environment: Environment, slack: SlackStandIn, caplog: pytest.LogCaptureFixture
) -> None:
    slack.broken = True
    tell_news(environment, *journal(timedelta(minutes=1)))
    slack.broken = False
    tell_news(environment, *journal(timedelta(minutes=1)))
    assert not slack.messages
    assert "Slack was not told" in caplog.text


def test_unreadable_memories_begin_anew(environment: Environment, slack: SlackStandIn, variables: Variables) -> None:
    variables.kept["takeoff.told.lab"] = "{"
    tell_news(environment, *journal(timedelta(minutes=1)))
    assert reasons(slack) == ["reason 2"]


def test_the_message_of_what_was_taken_over_says_so(environment: Environment, slack: SlackStandIn) -> None:
    story = Story()
    tell_news(environment, story.journal.record, tuple(story.journal.entries))
    story.open(1, "17.1.0-ee.0")
    tell_news(environment, story.journal.record, tuple(story.journal.entries))
    story.open(2, "17.0.0-ee.0", OperationKind.ROLLBACK, over="lab-1")
    tell_news(environment, story.journal.record, tuple(story.journal.entries))
    deploy, rollback, superseded = slack.messages
    assert "deploy of gitlab-ee `17.1.0-ee.0` was taken over" in deploy.text
    assert "rollback to gitlab-ee `17.0.0-ee.0` has begun" in rollback.text
    assert slack.thread(deploy) == [superseded]
