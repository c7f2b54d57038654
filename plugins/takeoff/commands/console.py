"""What commands print: tables and sentences for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console
    from rich.table import Table

    from takeoff.core.gates import Finding

MARKS = {"blocks": "✗", "skipped": "!", "told": "·"}
"""What stands before a finding, by its weight."""


def console() -> Console:
    """Standard output for people: colours and cut lines on a terminal only."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def say(text: str) -> None:
    """Print one plain line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json(model: BaseModel) -> None:
    """Print a model for programs."""
    say(model.model_dump_json(indent=2))


def table(*columns: str) -> Table:
    """Make a table without frames, so that it can be cut and copied."""
    from rich.table import Table

    made = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def rows(made: Table, lines: Sequence[tuple[Any, ...]]) -> Table:
    """Fill a table; text is taken as it is, brackets included."""
    from rich.text import Text

    for line in lines:
        made.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in line))
    return made


def show_table(columns: tuple[str, ...], lines: Sequence[tuple[Any, ...]]) -> None:
    """Print a table; on anything but a terminal as wide as it needs to be."""
    target = console()
    if not sys.stdout.isatty():
        target.width = 400
    target.print(rows(table(*columns), lines))


def show_findings(findings: tuple[Finding, ...]) -> None:
    """Print findings one a line: what blocks first."""
    order = list(MARKS)
    for finding in sorted(findings, key=lambda one: order.index(one.weight.value)):
        say(f"  {MARKS[finding.weight.value]} {finding.sentence()}")
