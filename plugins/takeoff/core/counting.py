"""Numbers of things, as sentences have them."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Say how many: ``1 host``, ``3 hosts``; for plurals that are made with an s."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
