"""Cron expressions and time zones as environment files write them."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator


def check_cron(text: str) -> str:
    """Let a cron expression of five fields in.

    Raises:
        ValueError: it is none.
    """
    # Only files with a schedule or a recurring window need it, and it costs 30 ms.
    from croniter import croniter

    if len(text.split()) != 5 or not croniter.is_valid(text):
        raise ValueError(f"{text!r} is no cron expression: minute, hour, day of month, month, day of week (0 18 * * 5)")
    return text


def check_timezone(name: str) -> str:
    """Let the name of a time zone in.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"{name!r} is no time zone; write UTC or Europe/Berlin") from None
    return name


CronText = Annotated[str, AfterValidator(check_cron)]
"""Five fields, as cron reads them."""

TimezoneName = Annotated[str, AfterValidator(check_timezone)]
"""A name of the IANA time zone database."""
