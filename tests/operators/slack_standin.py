"""Slack's Web API as far as Takeoff uses it, over HTTP, in the documented form.

docs.slack.dev/reference/methods: chat.postMessage, chat.update, usergroups.users.list. Every answer has status 200 and
``ok``; refusals have ``error`` (docs.slack.dev/apis/web-api: "Evaluating responses"). Only too many requests have
status 429, with ``Retry-After`` in seconds (docs.slack.dev/apis/web-api/rate-limits).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

from tests.served import ANYWHERE, Replies, served

TOKEN = "xoxb-1"
CHANNEL, CHANNEL_ID = "#deploys", "C024BE91L"
NAMED = 4000
"""Characters of a message's ``text`` that the documentation recommends at most."""


@dataclass
class Message:
    """A message as the channel has it.

    Attributes:
        ts: its id.
        thread_ts: id of the message whose thread it stands in; empty in the channel itself.
        aloud: an answer in a thread that the channel shows too.
        text: the short form, for notifications.
        blocks: what is shown.
        edits: how often it was edited.
    """

    ts: str
    thread_ts: str
    aloud: bool
    text: str
    blocks: list[dict[str, Any]]
    edits: int = 0

    @property
    def shown(self) -> str:
        """All of it, as a person reads it; buttons in brackets."""
        lines = []
        for block in self.blocks:
            if block["type"] == "section":
                lines.append(block["text"]["text"])
            else:
                lines.append(" ".join(f"[{one['text']['text']}]" for one in block["elements"]))
        return "\n".join(lines)

    @property
    def button(self) -> str:
        """The command behind its first button; empty without one."""
        return next((b["elements"][0]["value"] for b in self.blocks if b["type"] == "actions"), "")


@dataclass
class SlackStandIn:
    """The server as a test holds it.

    Attributes:
        url: base of its methods.
        messages: all of them, in order.
        calls: names of the methods that were called.
        error: what every call is refused with, if anything.
        too_many: seconds in ``Retry-After`` of each answer to come that has status 429.
        broken: whether it answers with a proxy's error page.
        groups: user group → its members.
    """

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    error: str = ""
    too_many: list[int] = field(default_factory=list)
    broken: bool = False
    groups: dict[str, list[str]] = field(default_factory=dict)
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def connection(self) -> str:
        """The connection to it, as Airflow reads it from the environment."""
        return json.dumps({"conn_type": "slack", "password": TOKEN, "extra": {"base_url": self.url, "timeout": 5}})

    def thread(self, first: Message) -> list[Message]:
        return [message for message in self.messages if message.thread_ts == first.ts]

    def answer(self, method: str, token: str, asked: Mapping[str, Any]) -> tuple[int, dict[str, str], Any]:
        """Answer a call: status, headers, body."""
        self.calls.append(method)
        if self.broken:
            return 502, {}, "<html>bad gateway</html>"
        if self.too_many:
            return 429, {"Retry-After": str(self.too_many.pop(0))}, {"ok": False, "error": "ratelimited"}
        if token != f"Bearer {TOKEN}":
            return 200, {}, {"ok": False, "error": "invalid_auth"}
        if self.error:
            return 200, {}, {"ok": False, "error": self.error}
        match method:
            case "chat.postMessage":
                return 200, {}, self._post(asked)
            case "chat.update":
                return 200, {}, self._update(asked)
            case "usergroups.users.list":
                found = self.groups.get(str(asked.get("usergroup")))
                return 200, {}, {"ok": True, "users": found} if found else {"ok": False, "error": "no_such_subteam"}
            case _:
                return 200, {}, {"ok": False, "error": "unknown_method"}

    def _post(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if asked.get("channel") not in (CHANNEL, CHANNEL_ID):
            return {"ok": False, "error": "channel_not_found"}
        if wrong := wrong_content(asked):
            return {"ok": False, "error": wrong}
        below = str(asked.get("thread_ts") or "")
        message = Message(
            f"1503435956.{next(self._count):06}",
            below,
            bool(asked.get("reply_broadcast")),
            asked["text"],
            asked["blocks"],
        )
        self.messages.append(message)
        return {"ok": True, "channel": CHANNEL_ID, "ts": message.ts, "message": {"text": message.text}}

    def _update(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        # chat.update takes a channel's id, never its name.
        if asked.get("channel") != CHANNEL_ID:
            return {"ok": False, "error": "channel_not_found"}
        if wrong := wrong_content(asked):
            return {"ok": False, "error": wrong}
        found = next((one for one in self.messages if one.ts == asked.get("ts")), None)
        if found is None:
            return {"ok": False, "error": "message_not_found"}
        found.text, found.blocks, found.edits = asked["text"], asked["blocks"], found.edits + 1
        return {"ok": True, "channel": CHANNEL_ID, "ts": found.ts, "text": found.text}


def wrong_content(asked: Mapping[str, Any]) -> str:
    """Find what Slack would refuse in a message; its limits are those of docs.slack.dev/reference/block-kit/blocks."""
    blocks = asked.get("blocks") or []
    if not asked.get("text") and not blocks:
        return "no_text"
    if len(str(asked.get("text"))) > NAMED:
        return "msg_too_long"
    if len(blocks) > 50:
        return "msg_blocks_too_long"
    for block in blocks:
        texts = [block["text"]["text"]] if block["type"] == "section" else []
        buttons = block.get("elements", ())
        values = [len(one.get("value", "")) <= 2000 and 0 < len(one["text"]["text"]) <= 75 for one in buttons]
        if not all(0 < len(text) <= 3000 for text in texts) or not all(values):
            return "invalid_blocks"
    return ""


@contextmanager
def slack_standin() -> Iterator[SlackStandIn]:
    """Serve until the block ends."""
    slack = SlackStandIn()

    class Handler(Replies, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            method = self.path.rpartition("/")[2]
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            is_json = self.headers["Content-Type"].startswith("application/json")
            asked: dict[str, Any] = json.loads(sent) if is_json else dict(parse_qsl(sent))
            # Methods that only read take no JSON (each method's page, "Content types").
            if is_json and method == "usergroups.users.list":
                asked = {}
            status, headers, body = slack.answer(method, self.headers.get("Authorization", ""), asked)
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            kind = "text/html" if isinstance(body, str) else "application/json"
            self.reply(status, data, Content_Type=kind, **headers)

    with served(ThreadingHTTPServer(ANYWHERE, Handler)) as url:
        slack.url = f"{url}/api/"
        yield slack
