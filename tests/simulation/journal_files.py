"""The journal and a copy of it on a simulated host, as ``journal.sh`` keeps them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from takeoff.fleet.protocols import Completed
from tests.simulation.node import Node

MOVED = 82

_HASH = re.compile(rb'"hash":"([0-9a-f]+)"')


class JournalFiles:
    """Files ``journal`` and ``copy`` of one host."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.text = {"journal": b"", "copy": b""}

    def read(self, arguments: Sequence[str]) -> Completed:
        which, offset = arguments[0], int(arguments[1])
        return self._answer(which, self.text[which][offset:])

    def append(self, arguments: Sequence[str], lines: bytes) -> Completed:
        which, size, head = arguments
        if len(self.text[which]) != int(size) or (self.text[which] and self._head(which) != head):
            return self._answer(which, exit_status=MOVED)
        self.text[which] += lines
        return self._answer(which)

    def replace(self, arguments: Sequence[str], lines: bytes) -> Completed:
        which, size = arguments
        if len(self.text[which]) != int(size):
            return self._answer(which, exit_status=MOVED)
        self.text[which] = lines
        return self._answer(which)

    def _answer(self, which: str, data: bytes = b"", exit_status: int = 0) -> Completed:
        node = self._node
        head = (
            f"size={len(self.text[which])} cut=0 head={self._head(which)} epoch={node.epoch} authority={node.authority}"
        )
        return node.said(head, data, exit_status)

    def _head(self, which: str) -> str:
        found = _HASH.findall(self.text[which], max(0, self.text[which].rfind(b"\n", 0, -1)))
        return found[-1].decode() if found else ""
