"""Reads HAProxy's ``show stat`` and says of each server whether it takes traffic, is out, and passes its check.

Fields and their meaning: HAProxy 2.6, Management Guide §9.1 (the CSV form) and §9.3 (``show stat``).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from takeoff.core.balancer_settings import ServerName

SHOW_SERVERS = "show stat -1 4 -1"
"""All proxies, servers only, every one of them: one short question whatever the number of servers."""

_PASSING = frozenset({"L4OK", "L6OK", "L7OK", "L7OKC"})
"""Results of a health check that let a server take traffic."""


@dataclass(frozen=True)
class ServerStatus:
    """One server as one balancer sees it.

    Attributes:
        name: backend and server.
        status: ``UP``, ``UP 1/3``, ``DOWN``, ``DRAIN``, ``MAINT``, ``MAINT (via web/web-01)``, ``NOLB``, ``no check``.
        sessions: open ones.
        queued: waiting for this server.
        check: last result of the health check, such as ``L7OK``; empty if the server has no check of its own.
        check_told: what the check said, for people.
    """

    name: ServerName
    status: str
    sessions: int = 0
    queued: int = 0
    check: str = ""
    check_told: str = ""

    @property
    def word(self) -> str:
        """The status without its counters: ``UP``, ``DOWN``, ``DRAIN``, ``MAINT``, ``NOLB``."""
        return "UP" if self.status == "no check" else self.status.partition(" ")[0]

    @property
    def serving(self) -> bool:
        """Whether it takes new traffic."""
        return self.word == "UP"

    @property
    def in_maint(self) -> bool:
        """Whether it is in maintenance: by a person, by a server that it follows, or for want of an address."""
        return self.word == "MAINT"

    @property
    def open(self) -> int:
        """Sessions that would be cut if the server stopped now, those that wait for it included."""
        return self.sessions + self.queued

    @property
    def check_passes(self) -> bool:
        """Whether the health check passes, or there is none: a server without one is judged on the host alone."""
        # A check that is under way is shown as "* " and the result of the one before.
        result = self.check.removeprefix("* ")
        return self.word != "DOWN" and (not result or result in _PASSING)


def parse_servers(text: str) -> dict[ServerName, ServerStatus]:
    """Read the answer to ``show stat``, by the names in its first line, whatever their order.

    Raises:
        ValueError: it is no such answer.
    """
    rows = csv.DictReader(io.StringIO(text.strip().removeprefix("# ")))
    if not {"pxname", "svname", "status", "scur"} <= set(rows.fieldnames or ()):
        raise ValueError(f"no answer to `show stat`: {text[:80]!r}")
    found = {}
    for row in rows:
        if row["svname"] in ("FRONTEND", "BACKEND"):
            continue
        name = ServerName(row["pxname"], row["svname"])
        told = " ".join(filter(None, (row.get("check_desc") or "", row.get("last_chk") or "")))
        found[name] = ServerStatus(
            name,
            row["status"] or "",
            sessions=int(row["scur"] or 0),
            queued=int(row.get("qcur") or 0),
            check=row.get("check_status") or "",
            check_told=told,
        )
    return found
