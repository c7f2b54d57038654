"""Reads what callers from outside send, no more of it than is bearable."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from fastapi import Request

FORM = "application/x-www-form-urlencoded"
"""How Slack and Mattermost send slash commands."""

FIELDS = 100
"""Fields of a form; chat servers send about fifteen."""


def media_type(headers: Mapping[str, str]) -> str:
    """Name the media type of a request with lower-case header names, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limit: int) -> bytes | None:
    """Read the body as it was sent; ``None`` if it has more bytes than the limit."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > limit:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def form_fields(body: bytes) -> dict[str, str]:
    """Read a form; of a field that is there twice the first counts.

    Raises:
        ValueError: it is no form.
    """
    found = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS, errors="strict")
    return {name: values[0] for name, values in found.items()}
