"""Slack and Mattermost as Takeoff sees them: they send commands over HTTP, and take the answers."""

import hashlib
import hmac
import json
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import requests

from tests.served import ANYWHERE, Replies, served

SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TOKEN = "gr8t0ken"
ADMIN, STRANGER = "U0ADMIN", "U0STRANGER"


class ChatServer:
    """Takes answers at ``url``; sends commands to one Takeoff.

    Args:
        url: where answers go.
        answers: those that came.
    """

    def __init__(self, url: str, answers: "queue.Queue[dict[str, Any]]") -> None:
        self.url = url
        self._answers = answers
        self.target = ""

    def slack(self, text: str, user: str = ADMIN, *, at: int | None = None, **changed: str) -> requests.Response:
        """Send a slash command as Slack does."""
        fields = {
            "token": "legacy",
            "team_id": "T0001",
            "channel_id": "C2147483705",
            "user_id": user,
            "user_name": "jane",
            "command": "/takeoff",
            "text": text,
            "response_url": f"{self.url}/commands/1",
            "trigger_id": f"{time.time_ns()}",
        }
        return self.signed("slack", urlencode(fields | changed), at)

    def press(
        self, value: str, user: str = ADMIN, action: str = "takeoff_confirm", *, ephemeral: bool = True
    ) -> requests.Response:
        """Press a button as Slack tells of it: of a message that only this user sees, or of the channel's."""
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "jane"},
            "container": {"type": "message", "is_ephemeral": ephemeral},
            "response_url": f"{self.url}/actions/1",
            "actions": [{"action_id": action, "type": "button", "value": value}],
            "trigger_id": f"{time.time_ns()}",
        }
        return self.signed("slack/actions", urlencode({"payload": json.dumps(payload)}))

    def signed(self, route: str, body: str, at: int | None = None) -> requests.Response:
        """Send a body with Slack's signature."""
        stamp = str(int(time.time()) if at is None else at)
        digest = hmac.new(SIGNING_SECRET.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }
        return requests.post(f"{self.target}/{route}", data=body, headers=headers, timeout=10)

    def mattermost(self, text: str, user: str = "release-manager", token: str = TOKEN) -> requests.Response:
        """Send a slash command as Mattermost does."""
        fields = {
            "token": token,
            "user_id": "x7i",
            "user_name": user,
            "channel_id": "c1",
            "command": "/takeoff",
            "text": text,
            "response_url": f"{self.url}/hooks/commands/1",
            "trigger_id": "t",
        }
        headers = {"Authorization": f"Token {token}"}
        return requests.post(f"{self.target}/mattermost", data=fields, headers=headers, timeout=10)

    def answer(self, patience_s: float = 120) -> dict[str, Any]:
        """Wait for the next answer that says more than to wait."""
        while True:
            answer = self._answers.get(timeout=patience_s)
            if "One moment" not in answer["text"]:
                return answer

    def is_silent(self) -> bool:
        return self._answers.empty()


@contextmanager
def chat_server() -> Iterator[ChatServer]:
    answers: queue.Queue[dict[str, Any]] = queue.Queue()

    class Handler(Replies, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    with served(ThreadingHTTPServer(ANYWHERE, Handler)) as url:
        yield ChatServer(url, answers)


def said(message: dict[str, Any]) -> str:
    """All text of an answer."""
    parts = [block["text"]["text"] for block in message.get("blocks", ()) if "text" in block]
    return "\n".join(parts) or message["text"]


def button(message: dict[str, Any]) -> str:
    """The command behind an answer's first button."""
    return next(block["elements"][0]["value"] for block in message["blocks"] if block["type"] == "actions")
