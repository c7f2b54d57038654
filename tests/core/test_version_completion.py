"""What people type for a version, completed or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.errors import VersionError
from takeoff.core.version_completion import complete
from takeoff.core.versions import PackageVersion

HELD = tuple(
    PackageVersion.parse(text)
    for text in (
        "17.3.7-ee.0",
        "17.4.0-ee.0",
        "17.4.1-rc42.ee.0",
        "17.4.1-ee.0",
        "17.4.2-ee.0",
        "17.4.2-ee.1",
        "17.5.0-ee.0",
        "17.5.202608251011-7e4e62b2495.8c5d3d98386",
        "17.4.1+rnightly.159756.b2b5f05e-0",
        "13.1.0-rc42.ee.0",
    )
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("17.4.1-ee.0", "17.4.1-ee.0"),
        ("17.4.1", "17.4.1-ee.0"),
        (" 17.4.1 ", "17.4.1-ee.0"),
        ("17.4.1-ee", "17.4.1-ee.0"),
        ("v17.4.1-ee", "17.4.1-ee.0"),
        ("17.4.1+ee.0", "17.4.1-ee.0"),
        ("13.1.0-rc42", "13.1.0-rc42.ee.0"),
        ("13.1.0+rc42.ee.0", "13.1.0-rc42.ee.0"),
        ("17.3", "17.3.7-ee.0"),
        ("17.5.202608251011", "17.5.202608251011-7e4e62b2495.8c5d3d98386"),
        ("17.5.202608251011+7e4e62b2495.8c5d3d98386", "17.5.202608251011-7e4e62b2495.8c5d3d98386"),
        ("17.4.2-ee.1", "17.4.2-ee.1"),
    ],
)
def test_a_short_form_is_completed_to_what_a_source_holds(typed: str, meant: str) -> None:
    assert complete(typed, HELD).text == meant


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("17.4.9", "'17.4.9' is in no source; the nearest versions there are 17.4.2-ee.1, 17.4.2-ee.0, 17.4.1"),
        ("17.6.0", "the nearest versions there are 17.5.0-ee.0"),
        ("17.4.2", "'17.4.2' can mean 17.4.2-ee.1, 17.4.2-ee.0: name one of them in full"),
        ("17", "'17' can mean .* and 6 more: name one of them in full"),
        ("newest", "'newest' is in no source; the nearest versions there are 17.5.0-ee.0, 17.5.2026"),
        ("", "'' is in no source"),
        ("17.4.1; reboot", "'17.4.1; reboot' is in no source"),
        ("7.4.1", "'7.4.1' is in no source"),
        ("17.4.1-ee.00", "is in no source"),
    ],
)
def test_what_cannot_be_completed_is_refused_with_the_nearest_named(typed: str, told: str) -> None:
    with pytest.raises(VersionError, match=told):
        complete(typed, HELD)


def test_nothing_is_completed_from_empty_sources() -> None:
    with pytest.raises(VersionError, match="they hold no version of the package at all"):
        complete("17.4.1", ())


@given(st.text())
def test_any_text_is_completed_to_a_held_version_or_refused(typed: str) -> None:
    try:
        found = complete(typed, HELD)
    except VersionError:
        return
    assert found in HELD
