"""Answers as Slack shows them: blocks, with buttons for what must be confirmed."""

from __future__ import annotations

from typing import Any

from takeoff.core.chat_reply import Reply

CONFIRM = "takeoff_confirm"
"""Action id of a button whose value is the command that it stands for."""

CANCEL = "takeoff_cancel"
"""Action id of the button that changes nothing."""

SECTION_LIMIT = 2900
"""Characters of a section (docs.slack.dev, "Section block": 3000)."""

VALUE_LIMIT = 2000
"""Characters of a button's value (docs.slack.dev, "Button element")."""


def escape(text: str) -> str:
    """Take from a text what Slack would read as a link, a mention or a channel (docs.slack.dev, "Escaping text")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_message(reply: Reply, *, replaces: bool = False) -> dict[str, Any]:
    """Write an answer as the body of a slash command's response, or of a post to its ``response_url``.

    Args:
        reply: the answer.
        replaces: whether the message whose button was pressed gives way to it.
    """
    return {
        "response_type": "in_channel" if reply.public else "ephemeral",
        **slack_text(reply, leave=True),
        "replace_original": replaces,
    }


def slack_text(reply: Reply, *, leave: bool = False) -> dict[str, Any]:
    """Write an answer's text and blocks, as every message of Slack has them.

    Args:
        reply: the answer.
        leave: whether its question can be put away; not where it stands for a whole channel.
    """
    title = escape(reply.title)[:SECTION_LIMIT]
    blocks: list[dict[str, Any]] = [_section(f"*{title}*")]
    blocks += [_section(text) for text in _pieces(reply.lines)]
    if reply.link:
        blocks.append(_section(f"<{reply.link}|Look at it in Airflow>"))
    if reply.question and len(reply.question.command) <= VALUE_LIMIT:
        buttons = [_button(CONFIRM, reply.question.button, reply.question.command, "danger")]
        buttons += [_button(CANCEL, "Leave it", "", "")] if leave else []
        blocks.append({"type": "actions", "elements": buttons})
    return {"text": title, "blocks": blocks}


def _pieces(lines: tuple[str, ...]) -> list[str]:
    pieces: list[str] = []
    for line in lines:
        text = escape(line)[:SECTION_LIMIT]
        if pieces and len(pieces[-1]) + len(text) < SECTION_LIMIT:
            pieces[-1] += f"\n{text}"
        else:
            pieces.append(text)
    # A message has at most 50 blocks, and none that is empty.
    return [piece for piece in pieces if piece.strip()][:40]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[: SECTION_LIMIT + 50]}}


def _button(action: str, text: str, value: str, style: str) -> dict[str, Any]:
    button = {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": text}, "value": value}
    return button | ({"style": style} if style else {})
