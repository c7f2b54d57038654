"""What is told in chat: short lines in Slack's mrkdwn, with what outsiders may have written made harmless."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN = 600
"""Characters of an error that a message shows; the rest is in the task's log."""

NAMED_MIGRATIONS = 10
"""Pending migrations that a message names; the rest is counted."""


def escape(text: str) -> str:
    """Take from a text what Slack would read as a link, a mention or a channel (api.slack.com, "Escaping text")."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def finished_text(environment: str, package: str, version: str, by: str, url: str) -> str:
    """Tell that an environment is on a version."""
    return f":white_check_mark: *{environment}* runs {package} `{escape(version)}` (asked by {escape(by)}){_link(url)}"


def rolled_back_text(environment: str, package: str, version: str, left: str, by: str, url: str) -> str:
    """Tell that an environment was taken back, and that somebody has to let deploys go on."""
    return (
        f":leftwards_arrow_with_hook: *{environment}* is back on {package} `{escape(version)}`; `{escape(left)}` is "
        f"rejected and deploys stay paused until they are resumed (asked by {escape(by)}){_link(url)}"
    )


def failed_text(environment: str, task: str, error: str, url: str) -> str:
    """Tell that a task failed and waits for a person."""
    shown = error if len(error) <= SHOWN else error[:SHOWN] + "…"
    return f":x: *{environment}*: `{task}` failed and waits for a person: {escape(shown)}{_link(url)}"


def answering_again_text(environment: str, since: str, url: str) -> str:
    """Tell that packages can be looked for again."""
    told = f"packages can be looked for again; that was not possible since {since}"
    return f":white_check_mark: *{environment}*: {told}{_link(url)}"


def approval_text(environment: str, version: str, names: Sequence[str], url: str) -> str:
    """Ask for the approval of post-deploy migrations."""
    shown = ", ".join(f"`{escape(name)}`" for name in names[:NAMED_MIGRATIONS])
    more = f" and {len(names) - NAMED_MIGRATIONS} more" if len(names) > NAMED_MIGRATIONS else ""
    return (
        f":raised_hand: *{environment}*: post-deploy migrations of `{escape(version)}` wait for a yes, a point of no "
        f"return: {shown}{more}{_link(url)}"
    )


def _link(url: str) -> str:
    return f" <{url}|Airflow>" if url else ""
