"""Reads what migrations print: which have not run, and which lines of a failed run's log say why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_STATUS_ROW = re.compile(r"^\s*(?P<state>up|down)\s+(?P<number>\d+)\s+(?P<name>\S.*?)\s*$", re.MULTILINE)
"""A row of Rails' ``db:migrate:status``."""

_CAUSE = re.compile(
    r"rake aborted!|PG::\w+|ActiveRecord::\w+|StandardError|marked as 'finished'|canceled|had an error|"
    r"(?i:\berror\b|\bfatal\b|permission denied|no space left)"
)
"""What lines that name a cause have in them: rake's, PostgreSQL's, Rails', Cinc's."""

_STEP = re.compile(r"== +(?P<name>(?:\d+ +)?\S+): +(?:migrating|(?P<over>migrated)(?: +\((?P<seconds>[\d.]+)s\))?)")
"""What Rails prints at the begin and at the end of each migration."""

LINES = 12
"""Lines of a log that an error message can hold and still be read."""


class MigrationStep(NamedTuple):
    """The begin or the end of one migration, as its log tells it.

    Attributes:
        name: ``<number> <class>``, or the class alone where the log has no number.
        over: whether it has ended.
        seconds: how long it took, once it is over; as it was printed, and perhaps not at all.
    """

    name: str
    over: bool
    seconds: str


def migration_step(line: str) -> MigrationStep | None:
    """Read which migration a line of the log begins or ends; None if it does neither."""
    found = _STEP.search(line)
    if found is None:
        return None
    return MigrationStep(found["name"], found["over"] is not None, found["seconds"] or "")


def pending_migrations(status: str) -> tuple[str, ...] | None:
    """List the ``down`` rows of ``db:migrate:status``, oldest first, each once however many databases have it.

    Returns:
        ``<number> <name>`` of each; ``None`` if the text has no row at all, so that nothing is known.
    """
    rows = list(_STATUS_ROW.finditer(status))
    if not rows:
        return None
    down = {int(row["number"]): f"{row['number']} {row['name']}" for row in rows if row["state"] == "down"}
    return tuple(down[number] for number in sorted(down))


def decisive_lines(log: Sequence[str]) -> tuple[str, ...]:
    """Pick the lines that say why a migration failed, in their order; the last ones if none stands out."""
    told = [line.strip() for line in _from_first_abort(log) if line.strip()]
    causes = [line for line in told if _CAUSE.search(line)]
    return tuple((causes or told)[:LINES] if causes else told[-LINES:])


def _from_first_abort(log: Sequence[str]) -> Iterable[str]:
    """What comes before ``rake aborted!`` went well; a log without it is taken whole."""
    start = next((number for number, line in enumerate(log) if "rake aborted!" in line), 0)
    return log[start:]
