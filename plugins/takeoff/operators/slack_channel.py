"""An environment's channel in Slack, through Airflow's Slack provider."""

from __future__ import annotations

from typing import Any

from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from takeoff.core.chat_reply import Reply
from takeoff.core.notice import Posted
from takeoff.core.people_settings import SlackNotifications
from takeoff.core.slack_blocks import slack_text

TIMEOUT_S = 10
"""Seconds for Slack to answer."""

LONGEST_PAUSE_S = 30
"""Seconds that a task waits when Slack asks it to (status 429); for longer it does not wait, and says so in its log."""


class SlackChannel:
    """Posts and edits messages.

    Every method raises:
        SlackApiError: Slack refuses it; its ``response["error"]`` says why.
        SlackRequestError, OSError: no answer, or one that is not Slack's.
        AirflowNotFoundException: there is no such connection.

    Args:
        settings: which connection, which channel.
    """

    def __init__(self, settings: SlackNotifications) -> None:
        from airflow.providers.slack.hooks.slack import SlackHook

        self._hook = SlackHook(
            slack_conn_id=settings.connection, timeout=TIMEOUT_S, retry_handlers=[BriefRateLimit(max_retry_count=2)]
        )
        self._channel = settings.channel

    def post(self, reply: Reply, below: Posted | None = None, *, aloud: bool = False) -> Posted:
        """Send a message (docs.slack.dev, "chat.postMessage").

        Args:
            reply: what it says.
            below: the message in whose thread it stands.
            aloud: shown in the channel as well.

        Returns:
            Where it stands.
        """
        message = slack_text(reply)
        place: dict[str, Any] = {"channel": self._channel}
        if below is not None:
            place = {"channel": below.channel, "thread_ts": below.ts, "reply_broadcast": aloud}
        answer = self._hook.call("chat.postMessage", json=place | message | {"unfurl_links": False})
        return Posted(channel=str(answer["channel"]), ts=str(answer["ts"]), text=reply.text)

    def edit(self, posted: Posted, reply: Reply) -> Posted:
        """Let a message say something else (docs.slack.dev, "chat.update")."""
        self._hook.call("chat.update", json={"channel": posted.channel, "ts": posted.ts, **slack_text(reply)})
        return posted.model_copy(update={"text": reply.text})


class BriefRateLimit(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks for (docs.slack.dev, "Rate limits"), unless that is too long for a task."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if response is None or response.status_code != 429:
            return False
        asked = next((values for name, values in response.headers.items() if name.lower() == "retry-after"), ["1"])
        pause = str(asked[0])
        return pause.isdecimal() and int(pause) <= LONGEST_PAUSE_S
