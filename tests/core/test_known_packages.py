"""Short versions, completed from what was seen of the sources last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from takeoff.core.errors import VersionError
from takeoff.core.known_packages import KnownPackages, completed

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AUTO = "17.5.202410010000-aaaaaaaaaaa.bbbbbbbbbbb"


def known(*versions: str) -> KnownPackages:
    return KnownPackages(environment="gstg", looked_at=NOW - timedelta(minutes=12), versions=versions)


@pytest.mark.parametrize(
    ("typed", "held", "meant"),
    [
        ("17.4.1", ("17.4.0-ee.0", "17.4.1-ee.0"), "17.4.1-ee.0"),
        ("17.4.1-ee.0", ("17.4.1-ee.0",), "17.4.1-ee.0"),
        ("17.5.202410010000", (AUTO, "17.4.1-ee.0"), AUTO),
        ("17.4.2-ee.0", ("17.4.1-ee.0",), "17.4.2-ee.0"),
        ("1.2.4", ("1.2.3-1", "1.2.2-1"), "1.2.4"),
        ("17.3.0", ("17.4.0-ee.0",), "17.3.0-ee.0"),
    ],
    ids=["short", "whole", "auto-deploy", "whole and new", "of a package with other versions", "deployed once"],
)
def test_a_version_is_completed_to_what_was_seen(typed: str, held: tuple[str, ...], meant: str) -> None:
    assert completed(typed, known(*held), ("17.3.0-ee.0",) if typed == "17.3.0" else (), NOW) == meant


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("17.4.7", "the nearest versions there are 17.4.1-ee.0, 17.4.0-ee.0"),
        ("17.4", "can mean 17.4.1-ee.0, 17.4.0-ee.0"),
    ],
    ids=["unknown", "several"],
)
def test_what_cannot_be_completed_is_refused_with_the_nearest_and_the_age(typed: str, told: str) -> None:
    with pytest.raises(VersionError) as refused:
        completed(typed, known("17.4.0-ee.0", "17.4.1-ee.0"), (), NOW)
    assert told in str(refused.value)
    assert "the sources were asked 12m ago; `packages gstg` asks them anew" in str(refused.value)
