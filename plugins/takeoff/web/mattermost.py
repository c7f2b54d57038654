"""``POST /takeoff-hooks/mattermost``: slash commands as Mattermost sends them (docs: "Custom slash commands").

Mattermost signs nothing: it proves itself by the command's token, in the body and in the header ``Authorization``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from takeoff.core.chat_reply import Reply
from takeoff.core.chat_rights import Asker
from takeoff.web.chat_conversation import Conversation
from takeoff.web.chat_doors import BODY_LIMIT, WorkBehind, is_within, post_answer, refused
from takeoff.web.chat_request import ChatRequest
from takeoff.web.request_body import FORM, form_fields, media_type, read_body


@dataclass(frozen=True)
class MattermostCommand:
    """The slash command that is served.

    Attributes:
        tokens: one for each team that has the command; nobody is let in without one.
        answers_to: address of the Mattermost server.
    """

    tokens: tuple[str, ...]
    answers_to: str

    def knows(self, token: str) -> bool:
        """Whether a token is one of these."""
        return any(hmac.compare_digest(one.encode(), token.encode()) for one in self.tokens if one)


def mattermost_router(
    command: Callable[[], MattermostCommand],
    conversation: Conversation,
    behind: WorkBehind,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """Make the route.

    Args:
        command: gives the command's tokens; it may block.
        conversation: answers.
        behind: does what takes long.
        now: gives the time of day, in UTC.
    """
    router = APIRouter()

    @router.post("/mattermost")
    async def receive(request: Request) -> JSONResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if media_type(headers) != FORM:
            return refused(415, f"only {FORM} is understood")
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() != "token" or not token.strip():
            return refused(401, "no token")
        known = await run_in_threadpool(command)
        if not known.knows(token.strip()):
            return refused(401, "unknown token")
        body = await read_body(request, BODY_LIMIT)
        if body is None:
            return refused(413, f"more than {BODY_LIMIT} bytes")
        try:
            form = form_fields(body)
        except ValueError:
            return refused(400, "not a slash command of Mattermost")
        if not known.knows(form.get("token", "")):
            return refused(401, "unknown token")
        name, url = form.get("user_name", ""), form.get("response_url", "")
        if not name or not is_within(url, known.answers_to):
            return refused(400, "no user_name, or a response_url that is not at the Mattermost server")
        asked = ChatRequest(Asker(frozenset({f"mattermost:{name}"}), f"mattermost:{name}"), form.get("text", ""), now())
        if (reply := await run_in_threadpool(conversation.answer_at_once, asked)) is not None:
            return JSONResponse(mattermost_message(reply))
        behind.do(lambda: conversation.answer(asked, lambda told: post_answer(url, mattermost_message(told))))
        return JSONResponse(mattermost_message(Reply("One moment …")))

    return router


def mattermost_message(reply: Reply) -> dict[str, Any]:
    """Write an answer as Mattermost takes it."""
    lines = [f"**{_plain(reply.title)}**", *(_plain(line) for line in reply.lines)]
    if reply.link:
        lines.append(f"[Look at it in Airflow]({reply.link})")
    if reply.question:
        lines.append(f"To go on, type: `{reply.question.command}` after the slash command.")
    return {"response_type": "in_channel" if reply.public else "ephemeral", "text": "\n".join(lines)}


def _plain(text: str) -> str:
    """Take from a text what Mattermost would read as a mention, a link or an image."""
    return text.replace("@", "@\u200b").replace("](", "]\u200b(")
