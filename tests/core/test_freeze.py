"""Whether a moment lies in a freeze."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.check_settings import FreezeWindow
from takeoff.core.errors import SourceUntrusted
from takeoff.core.freeze import FreezePeriod, freezes_at, gitlab_freezes_at

WEEKEND: dict[str, Any] = {"name": "weekend", "cron": "0 18 * * 5", "duration": "60h", "timezone": "Europe/Berlin"}
HOLIDAYS = {"name": "holidays", "from": "2026-12-23T18:00:00+00:00", "until": "2027-01-04T06:00:00+00:00"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [
        ("2026-11-27 16:59:59", False),
        ("2026-11-27 17:00:00", True),
        ("2026-11-28 12:00:00", True),
        ("2026-11-30 04:59:59", True),
        ("2026-11-30 05:00:00", False),
        ("2026-07-24 15:59:59", False),
        ("2026-07-24 16:00:00", True),
    ],
    ids=["before", "begins", "inside", "last second", "ends", "summer: before", "summer: an hour earlier in UTC"],
)
def test_a_recurring_window_is_judged_in_its_own_time_zone(moment: str, frozen: bool) -> None:
    found = freezes_at(at(moment), [FreezeWindow.model_validate(WEEKEND)])
    assert [freeze.name for freeze in found] == (["weekend"] if frozen else [])


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [("2026-12-23 17:59:59", False), ("2026-12-23 18:00:00", True), ("2027-01-04 06:00:00", False)],
    ids=["before", "begins", "ends"],
)
def test_a_single_window_holds_from_its_begin_to_its_end(moment: str, frozen: bool) -> None:
    assert bool(freezes_at(at(moment), [FreezeWindow.model_validate(HOLIDAYS)])) is frozen


def test_the_window_that_ends_last_comes_first() -> None:
    windows = [FreezeWindow.model_validate(WEEKEND), FreezeWindow.model_validate(HOLIDAYS)]
    assert [freeze.name for freeze in freezes_at(at("2026-12-26 12:00:00"), windows)] == ["holidays", "weekend"]


@given(st.integers(0, 365 * 24 * 3600))
def test_a_freeze_always_contains_the_moment_it_was_found_for(second: int) -> None:
    now = at("2026-01-01 00:00:00") + timedelta(seconds=second)
    for freeze in freezes_at(now, [FreezeWindow.model_validate(WEEKEND)]):
        assert freeze.since <= now < freeze.until
        assert freeze.until - freeze.since == timedelta(hours=60)


@pytest.mark.parametrize(
    ("moment", "frozen"),
    [("2026-11-27 22:59:00", False), ("2026-11-27 23:00:00", True), ("2026-11-30 06:59:00", True)],
    ids=["before", "begins", "until monday seven"],
)
def test_gitlabs_freeze_periods_hold_from_one_cron_to_the_other(moment: str, frozen: bool) -> None:
    period = FreezePeriod("0 23 * * 5", "0 7 * * 1", "UTC")
    found = gitlab_freezes_at(at(moment), [period], "GitLab")
    assert bool(found) is frozen
    if found:
        assert found[0].until == at("2026-11-30 07:00:00")


@pytest.mark.parametrize(
    "period",
    [FreezePeriod("rubbish", "0 7 * * 1", "UTC"), FreezePeriod("0 23 * * 5", "0 7 * * 1", "Mars/Olympus")],
    ids=["no cron", "no zone"],
)
def test_a_freeze_period_that_cannot_be_read_is_not_taken_for_none(period: FreezePeriod) -> None:
    with pytest.raises(SourceUntrusted, match="freeze period"):
        gitlab_freezes_at(at("2026-11-27 12:00:00"), [period], "GitLab")
