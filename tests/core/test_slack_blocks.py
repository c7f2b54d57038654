"""Whatever is said, Slack takes it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from takeoff.core.chat_reply import Question, Reply
from takeoff.core.slack_blocks import slack_message, slack_text
from tests.operators.slack_standin import wrong_content

LONG = st.one_of(st.text(max_size=200), st.integers(1, 9000).map(lambda size: "<&>x\n" * size))
REPLIES = st.builds(
    Reply,
    title=LONG.map(lambda text: f"t{text}"),
    lines=st.lists(LONG, max_size=80).map(tuple),
    link=st.sampled_from(["", "http://airflow.example/dags/x/runs/y"]),
    question=st.one_of(st.none(), st.builds(Question, command=st.text(max_size=2500), button=st.just("Roll back"))),
)


@settings(max_examples=200, deadline=None)
@given(REPLIES)
def test_a_message_keeps_to_slacks_limits_and_mentions_nobody(reply: Reply) -> None:
    for message in (slack_message(reply), slack_text(reply)):
        assert not wrong_content(message)
        for block in message["blocks"]:
            text = block["text"]["text"] if block["type"] == "section" else ""
            assert "<" not in text.replace(f"<{reply.link}|Look", "")


def test_only_what_one_person_was_asked_alone_can_be_put_away() -> None:
    asked = Reply("Run them?", question=Question("post-deploy lab", "Approve …"))
    buttons = [len(slack_text(asked, leave=leave)["blocks"][-1]["elements"]) for leave in (True, False)]
    assert buttons == [2, 1]
