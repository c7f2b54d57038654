"""A chat message as words: quotes as people and phones type them, GitLab's own spellings, the nearest known word."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from difflib import get_close_matches

from takeoff.core.errors import TakeoffError

LONGEST = 2000
"""Characters of a command; nobody types more."""

SHOWN = 60
"""Characters of what was typed that an answer repeats."""

GITLAB_SPELLINGS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("auto_deploy", "pause"): ("pause",),
    ("auto_deploy", "unpause"): ("resume",),
    ("auto_deploy", "status"): ("status",),
    ("auto_deploy", "blockers"): ("why",),
    ("post_deploy_migrations", "execute"): ("post-deploy",),
    ("post_deploy",): ("post-deploy",),
    ("unpause",): ("resume",),
    ("rollback_check",): ("rollback", "check"),
}
"""How GitLab's chatops calls it (gitlab-com/chatops, ``lib/chatops/commands``) → how it is called here."""

_LONG_DASH = re.compile(r"^[—–]+(?=[a-z])")
_TYPOGRAPHY = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "\u00a0": " "})


class ChatMistake(TakeoffError):
    """What was typed is no command: nothing was done. The message says what to type instead."""


def split_words(text: str) -> list[str]:
    """Split a message as a person means it: double quotes hold words together, an apostrophe is a letter.

    Raises:
        ChatMistake: it is too long, a quotation mark is open, or it has characters that nobody types.
    """
    if len(text) > LONGEST:
        raise ChatMistake(f"that has {len(text)} characters; a command has at most {LONGEST}")
    plain = text.translate(_TYPOGRAPHY)
    if any(not (letter.isprintable() or letter in "\t\n\r") for letter in plain):
        raise ChatMistake("that has control characters in it: type it again by hand")
    lexer = shlex.shlex(plain, posix=True, punctuation_chars=False)
    lexer.whitespace_split, lexer.quotes, lexer.escape, lexer.commenters = True, '"', "", ""
    try:
        words = list(lexer)
    except ValueError:
        raise ChatMistake("a quotation mark is not closed") from None
    # Phones make one long dash of two hyphens.
    return [_LONG_DASH.sub("--", word) for word in words]


def translate_spelling(words: Sequence[str]) -> list[str]:
    """Say in our words what GitLab's chatops says in its own."""
    for spelling, ours in GITLAB_SPELLINGS.items():
        if tuple(word.lower() for word in words[: len(spelling)]) == spelling:
            return [*ours, *words[len(spelling) :]]
    return list(words)


def nearest_word(typed: str, known: Collection[str]) -> str:
    """Find the known word that was most likely meant; empty if none is near."""
    return next(iter(get_close_matches(typed.lower(), sorted(known), n=1, cutoff=0.6)), "")


def shown(text: str) -> str:
    """Quote what was typed, shortened, for an answer."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
