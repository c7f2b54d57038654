"""What the doors of all chat servers share: the work behind the answer, and the way back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import requests
from fastapi.responses import JSONResponse

BODY_LIMIT = 64 << 10
"""Bytes of a chat server's request; a slash command has about 1 kB, a pressed button at most 10."""

WORKERS = 32
"""Requests that are worked on at the same time, most of them waiting for a run; more wait for their turn."""

ANSWER_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


class WorkBehind:
    """Does what takes longer than a chat server waits."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="takeoff-chat")

    def do(self, work: Callable[[], None]) -> None:
        """Do it as soon as a thread is free; what it raises is logged."""
        self._pool.submit(_logged, work)


def is_within(url: str, allowed: str) -> bool:
    """Whether an address to answer to lies at the chat server that is allowed: same scheme, host and port."""
    try:
        asked, given = urlsplit(url), urlsplit(allowed)
        return (asked.scheme, asked.hostname, asked.port) == (given.scheme, given.hostname, given.port)
    except ValueError:
        return False


def post_answer(url: str, message: Mapping[str, Any]) -> None:
    """Post an answer; that it could not be posted is logged, because nobody can be told."""
    try:
        answer = requests.post(url, json=message, timeout=ANSWER_TIMEOUT_S, allow_redirects=False)
        answer.raise_for_status()
    except requests.RequestException as error:
        log.warning("The chat server did not take an answer: %s", type(error).__name__)


def refused(status: int, message: str) -> JSONResponse:
    """Refuse a request that is none of a chat server's."""
    return JSONResponse({"error": message}, status)


def _logged(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        log.exception("A chat request was not answered")
