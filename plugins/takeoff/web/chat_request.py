"""A chat message that has passed the checks of its door."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from takeoff.core.chat_rights import Asker

WINDOW_S = 60
"""Seconds within which the same command of the same person is one and the same wish."""


class ChatRequest(NamedTuple):
    """One message.

    Attributes:
        asker: who.
        text: what they typed.
        sent_at: when, by the chat server's own stamp where it signs one, so that a replay has the same.
    """

    asker: Asker
    text: str
    sent_at: datetime
