"""Shortens a schedule that breaks a rule, until every fault left in it is needed, and tells it as a story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.play import Played, play
from tests.simulation.schedule import Schedule

LAST_LINES = 120
"""Lines of a story that are told: its end."""


def shrink(schedule: Schedule, breaks: Callable[[Schedule], bool]) -> Schedule:
    """Drop what is not needed, one thing at a time, again and again."""
    while True:
        shorter = [
            replace(schedule, faults=tuple(f for f in schedule.faults if f is not one)) for one in schedule.faults
        ]
        shorter += [replace(schedule, second="")] if schedule.second else []
        smaller = next((one for one in shorter if breaks(one)), None)
        if smaller is None:
            return schedule
        schedule = smaller


def story_of(schedule: Schedule) -> str:
    """Shorten a schedule that breaks a rule, play it once more, and tell it."""
    short = shrink(schedule, lambda one: bool(play(one).breaches))
    played = play(short)
    return "\n".join((f"Broken: {'; '.join(played.breaches)}", f"by {short}", *_end_of(played)))


def _end_of(played: Played) -> list[str]:
    return played.story[-LAST_LINES:]
