"""Which jumps between versions are allowed."""

from __future__ import annotations

import pytest

from takeoff.core.errors import ConfigError
from takeoff.core.package_settings import UpgradePath
from takeoff.core.upgrade_path import UpgradeRule
from takeoff.core.versions import PackageVersion


def refusal(deployed: str, candidate: str, package: str = "gitlab-ee", **settings: object) -> str | None:
    rule = UpgradeRule(
        UpgradePath.model_validate(settings),
        package,
        [PackageVersion.parse(text) for text in ("1.9.0-1", "1.10.2-1", "2.0.0-1")],
    )
    return rule.refusal(PackageVersion.parse(deployed), PackageVersion.parse(candidate))


@pytest.mark.parametrize(
    ("deployed", "candidate"),
    [
        ("17.4.0-ee.0", "17.4.1-ee.0"),
        ("17.4.0-ee.0", "17.5.1-ee.0"),
        ("17.11.7-ee.0", "18.0.0-ee.0"),
        ("14.10.5-ee.0", "15.0.0-ee.0"),
        ("19.4.202608251011-7e4e62b2495.8c5d3d98386", "19.5.202609251011-7e4e62b2495.8c5d3d98386"),
        ("17.4.0-ee.0", "17.3.0-ee.0"),
    ],
    ids=[
        "patch",
        "next minor",
        "next major",
        "next major after a short one",
        "auto-deploys",
        "back is judged elsewhere",
    ],
)
def test_one_minor_at_a_time_is_allowed(deployed: str, candidate: str) -> None:
    assert refusal(deployed, candidate) is None


@pytest.mark.parametrize(
    ("deployed", "candidate", "missed"),
    [
        ("17.3.7-ee.0", "17.5.0-ee.0", "skips 17.4"),
        ("17.10.0-ee.0", "18.0.0-ee.0", "jumps over 17.11"),
        ("18.11.1-ee.0", "19.1.0-ee.0", "skips 19.0"),
    ],
)
def test_a_skipped_minor_is_named(deployed: str, candidate: str, missed: str) -> None:
    assert missed in (refusal(deployed, candidate) or "")


@pytest.mark.parametrize(
    ("deployed", "candidate", "stop"),
    [
        ("17.3.7-ee.0", "17.8.0-ee.0", "17.5"),
        ("15.11.13-ee.0", "16.7.0-ee.0", "16.3"),
        ("17.11.7-ee.0", "18.3.0-ee.0", "18.2"),
        ("20.2.0-ee.0", "20.6.0-ee.0", "20.5"),
        ("13.12.15-ee.0", "15.0.0-ee.0", "14.0"),
        ("17.0.0-ee.0", "17.3.0-ee.0", "17.1"),
    ],
)
def test_a_required_stop_is_never_jumped_over(deployed: str, candidate: str, stop: str) -> None:
    told = refusal(deployed, candidate, zero_downtime="relaxed") or ""
    assert told == f"jumps over {stop}, a required stop of the upgrade path: deploy that first"


@pytest.mark.parametrize(
    ("deployed", "candidate"),
    [("17.3.7-ee.0", "17.5.0-ee.0"), ("17.8.0-ee.0", "17.11.0-ee.0"), ("17.11.7-ee.0", "18.2.0-ee.0")],
)
def test_relaxed_goes_from_stop_to_stop(deployed: str, candidate: str) -> None:
    assert refusal(deployed, candidate, zero_downtime="relaxed") is None


def test_the_environments_own_list_replaces_gitlabs() -> None:
    relaxed = {"zero_downtime": "relaxed", "required_stops": ["17.6.3"]}
    assert refusal("17.3.0-ee.0", "17.6.0-ee.0", **relaxed) is None
    assert "17.6" in (refusal("17.3.0-ee.0", "17.7.0-ee.0", **relaxed) or "")
    assert refusal("17.3.0-ee.0", "18.9.0-ee.0", zero_downtime="relaxed", required_stops=[]) is None


def test_another_package_has_no_stops_and_ends_its_major_where_the_sources_do() -> None:
    assert refusal("1.10.2-1", "2.0.0-1", package="nginx") is None
    assert "skips 1.10" in (refusal("1.9.0-1", "2.0.0-1", package="nginx") or "")
    assert refusal("1.2-1", "7.0-1", package="nginx", zero_downtime="relaxed") is None


def test_a_stop_that_is_no_version_is_named() -> None:
    with pytest.raises(ConfigError, match=r"required_stops: 'seventeen' is no version such as 17\.8"):
        refusal("17.3.0-ee.0", "17.4.0-ee.0", required_stops=["seventeen"])


@pytest.mark.parametrize(
    ("migrated", "candidate", "package", "left"),
    [
        ("17.3.0-ee.0", "17.4.0-ee.0", "gitlab-ee", "17.3"),
        ("17.4.0-ee.0", "17.6.0-ee.0", "gitlab-ee", "17.5"),
        ("17.4.0-ee.0", "17.5.0-ee.0", "gitlab-ee", ""),
        ("17.1.0-ee.0", "17.2.0-ee.0", "gitlab-ee", ""),
        ("17.3.0-1", "17.4.0-1", "sentry", ""),
    ],
    ids=["a stop", "one passed by", "one reached", "one that only some must make", "another package"],
)
def test_the_stop_that_pending_migrations_must_not_be_carried_over_is_named(
    migrated: str, candidate: str, package: str, left: str
) -> None:
    rule = UpgradeRule(UpgradePath(), package)
    assert rule.stop_left(PackageVersion.parse(migrated), PackageVersion.parse(candidate)) == left
