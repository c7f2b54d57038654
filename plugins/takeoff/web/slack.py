"""``POST /takeoff-hooks/slack`` and ``…/slack/actions``: slash commands and pressed buttons, as Slack sends them.

Signature and age are checked on the raw body before anything in it is read (docs.slack.dev, "Verifying requests from
Slack"). Slack waits 3 seconds; so the answer comes at once and the result through ``response_url``.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from slack_sdk.signature import Clock, SignatureVerifier

from takeoff.core.chat_reply import Reply
from takeoff.core.chat_rights import Asker
from takeoff.core.slack_blocks import CANCEL, CONFIRM, slack_message
from takeoff.web.chat_conversation import Conversation
from takeoff.web.chat_doors import BODY_LIMIT, WorkBehind, is_within, post_answer, refused
from takeoff.web.chat_request import ChatRequest
from takeoff.web.request_body import FORM, form_fields, media_type, read_body
from takeoff.web.seen_signatures import SeenSignatures

KEPT_S = 660.0
"""Seconds for which a signature is remembered: Slack's five minutes before and after now, and some more."""

SIGNATURE, STAMP = "x-slack-signature", "x-slack-request-timestamp"

GROUP = "slack-group:"
"""What a user group's id is preceded by in the environment file's rights."""

ONE_MOMENT = Reply("One moment …")

_STAMP = re.compile(r"\d{1,12}", re.ASCII)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SlackApp:
    """The Slack app whose requests are served.

    Attributes:
        signing_secret: of the app; nobody is let in if empty.
        answers_to: scheme and host that ``response_url`` must have.
    """

    signing_secret: str
    answers_to: str = "https://hooks.slack.com"


class SlackDoor:
    """Lets in what Slack has signed.

    Args:
        app: gives the app; it may block.
        clock: gives the time of day.
    """

    def __init__(self, app: Callable[[], SlackApp], clock: Clock | None = None) -> None:
        self._app = app
        self._clock = clock or Clock()
        self._seen = SeenSignatures(KEPT_S)

    async def enter(self, request: Request) -> tuple[SlackApp, bytes, datetime] | JSONResponse:
        """Give the app, the body and Slack's own stamp of the time; or the refusal."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        if media_type(headers) != FORM:
            return refused(415, f"only {FORM} is understood")
        if not headers.get(SIGNATURE) or not headers.get(STAMP):
            return refused(401, "not signed")
        body = await read_body(request, BODY_LIMIT)
        if body is None:
            return refused(413, f"more than {BODY_LIMIT} bytes")
        app = await run_in_threadpool(self._app)
        if not self._is_signed(app, body, headers):
            return refused(401, "wrong or old signature")
        if not self._seen.is_new(headers[SIGNATURE], self._clock.now()):
            return refused(401, "this request was served already")
        return app, body, datetime.fromtimestamp(int(headers[STAMP]), UTC)

    def _is_signed(self, app: SlackApp, body: bytes, headers: dict[str, str]) -> bool:
        if not app.signing_secret.strip() or not _STAMP.fullmatch(headers[STAMP]):
            return False
        try:
            return SignatureVerifier(app.signing_secret, self._clock).is_valid_request(body, headers)
        except (TypeError, ValueError):  # A body that is no text, a signature that is not ASCII.
            return False


def slack_router(
    door: SlackDoor,
    conversation: Conversation,
    groups_of: Callable[[str, Iterable[str]], frozenset[str]],
    behind: WorkBehind,
) -> APIRouter:
    """Make the routes.

    Args:
        door: checks who calls.
        conversation: answers.
        groups_of: says which of some user groups a user is in, by their ids; it may block.
        behind: does what takes long.
    """
    router = APIRouter()

    def begin(asked: ChatRequest, user: str, url: str, *, replaces: bool = False) -> Reply:
        """Begin to answer; returns what can be said at once."""
        if (reply := conversation.answer_at_once(asked)) is not None:
            return reply

        def answer() -> None:
            if replaces:
                tell(ONE_MOMENT)
            groups = groups_of(user, conversation.named_groups(GROUP))
            ids = asked.asker.ids | {f"{GROUP}{group}" for group in groups}
            conversation.answer(asked._replace(asker=asked.asker._replace(ids=ids)), tell)

        def tell(reply: Reply) -> None:
            post_answer(url, slack_message(reply, replaces=replaces))

        behind.do(answer)
        return ONE_MOMENT

    @router.post("/slack")
    async def command(request: Request) -> JSONResponse:
        entered = await door.enter(request)
        if isinstance(entered, JSONResponse):
            return entered
        app, body, sent_at = entered
        try:
            form = form_fields(body)
            user, url = (form["user_id"], form.get("user_name", "")), form["response_url"]
        except (KeyError, ValueError):
            return refused(400, "not a slash command of Slack")
        if not _is_ours(app, url):
            return refused(400, "response_url is not Slack's")
        asked = ChatRequest(_asker(user), form.get("text", ""), sent_at)
        return JSONResponse(slack_message(await run_in_threadpool(begin, asked, user[0], url)))

    @router.post("/slack/actions")
    async def action(request: Request) -> Response:
        entered = await door.enter(request)
        if isinstance(entered, JSONResponse):
            return entered
        app, body, sent_at = entered
        try:
            payload = json.loads(form_fields(body)["payload"])
            user, pressed, url = _pressed(payload)
        except (KeyError, ValueError, TypeError, IndexError, AttributeError, RecursionError):
            return refused(400, "not a pressed button of Slack")
        if not _is_ours(app, url):
            return refused(400, "response_url is not Slack's")
        if pressed["action_id"] == CANCEL:
            behind.do(lambda: post_answer(url, slack_message(Reply("Left as it is."), replaces=True)))
        elif pressed["action_id"] == CONFIRM:
            asked = ChatRequest(_asker(user), pressed["value"], sent_at)
            # A question in the channel stays for the others; one that this user was asked alone gives way.
            replaces = _is_ephemeral(payload)
            reply = await run_in_threadpool(begin, asked, user[0], url, replaces=replaces)
            if reply is not ONE_MOMENT:
                behind.do(lambda: post_answer(url, slack_message(reply, replaces=replaces)))
        return Response(status_code=200)

    return router


def _pressed(payload: dict[str, Any]) -> tuple[tuple[str, str], dict[str, str], str]:
    """Read who pressed which button, and where to answer (docs.slack.dev, "block_actions payload")."""
    user, action = payload["user"], payload["actions"][0]
    pressed = {"action_id": str(action["action_id"]), "value": str(action.get("value", ""))}
    return (str(user["id"]), str(user.get("username") or user.get("name") or "")), pressed, str(payload["response_url"])


def _is_ephemeral(payload: dict[str, Any]) -> bool:
    container = payload.get("container")
    return isinstance(container, dict) and bool(container.get("is_ephemeral"))


def _is_ours(app: SlackApp, url: str) -> bool:
    if is_within(url, app.answers_to):
        return True
    log.warning("Slack's response_url is not at %s: nothing was done", app.answers_to)
    return False


def _asker(user: tuple[str, str]) -> Asker:
    identity, name = user
    return Asker(frozenset({f"slack:{identity}"}), f"slack:{name} ({identity})" if name else f"slack:{identity}")
