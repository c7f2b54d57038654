"""Freeze windows: whether a moment lies in one, and when it ends."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from croniter.croniter import CroniterError

from takeoff.core.check_settings import FreezeWindow
from takeoff.core.errors import SourceUntrusted

_A_MOMENT = timedelta(seconds=1)


class Freeze(NamedTuple):
    """A freeze that a moment lies in.

    Attributes:
        name: of the window.
        since: its begin, in UTC.
        until: its end, in UTC.
    """

    name: str
    since: datetime
    until: datetime


class FreezePeriod(NamedTuple):
    """A freeze period as GitLab keeps it (GitLab API, "Freeze Periods"): two cron expressions.

    Attributes:
        starts: when freezes begin.
        ends: when they end.
        timezone: name of the zone of both.
    """

    starts: str
    ends: str
    timezone: str


def freezes_at(now: datetime, windows: Iterable[FreezeWindow]) -> list[Freeze]:
    """List the windows of the environment file that ``now`` lies in, the one that ends last first."""
    found = [freeze for window in windows if (freeze := _window_at(now, window)) is not None]
    return sorted(found, key=lambda freeze: freeze.until, reverse=True)


def gitlab_freezes_at(now: datetime, periods: Iterable[FreezePeriod], source: str) -> list[Freeze]:
    """List GitLab's freeze periods that ``now`` lies in, the one that ends last first.

    Raises:
        SourceUntrusted: GitLab gave something that is no cron expression or no time zone.
    """
    found = []
    for period in periods:
        try:
            local = now.astimezone(ZoneInfo(period.timezone))
            begun, ended = _last(period.starts, local), _last(period.ends, local)
            if begun > ended:
                name = f"{period.starts} to {period.ends} {period.timezone}"
                found.append(Freeze(name, begun.astimezone(UTC), _next(period.ends, local).astimezone(UTC)))
        except (CroniterError, ZoneInfoNotFoundError, ValueError) as error:
            raise SourceUntrusted(source, f"freeze period {period.starts!r} cannot be read: {error}") from None
    return sorted(found, key=lambda freeze: freeze.until, reverse=True)


def _window_at(now: datetime, window: FreezeWindow) -> Freeze | None:
    if window.starts is not None and window.ends is not None:
        begun, ends = window.starts.astimezone(UTC), window.ends.astimezone(UTC)
        return Freeze(window.name, begun, ends) if begun <= now < ends else None
    if window.cron is None or window.duration is None:
        return None
    begun = _last(window.cron, now.astimezone(ZoneInfo(window.timezone))).astimezone(UTC)
    return Freeze(window.name, begun, begun + window.duration) if now < begun + window.duration else None


def _last(cron: str, local: datetime) -> datetime:
    """The newest moment of a cron expression that is not after ``local``."""
    return _moment(croniter(cron, local + _A_MOMENT).get_prev(datetime))


def _next(cron: str, local: datetime) -> datetime:
    return _moment(croniter(cron, local).get_next(datetime))


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"croniter gave {value!r}")
    return value
