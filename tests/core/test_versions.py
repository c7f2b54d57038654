"""Versions: what is let in, what kind it is, and which of two is newer."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from random import Random

import pytest
from debian.debian_support import Version as DebianVersion
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.errors import VersionError
from takeoff.core.package_settings import VersionKind
from takeoff.core.versions import VERSION_PATTERN, PackageVersion
from tests.clients.debian_repository import needs

numbers = st.integers(0, 40).map(str)
hashes = st.text("0123456789abcdef", min_size=7, max_size=11)
bases = st.builds("{}.{}.{}".format, numbers, numbers, numbers)
stamps = st.integers(201801010000, 202712312359).map(str)
releases = st.builds("{}-{}.{}".format, bases, st.sampled_from(["ee", "ce"]), numbers)
candidates = st.builds("{}-rc{}.ee.0".format, bases, numbers)
auto_deploys = st.builds("{}.{}.{}-{}.{}".format, numbers, numbers, stamps, hashes, hashes)
nightlies = st.builds("{}+rnightly.{}.{}-0".format, bases, st.integers(1, 10**6), hashes)
branches = st.builds("{}+rfbranch.{}.{}-0".format, bases, st.integers(1, 10**6), hashes)
others = st.from_regex(VERSION_PATTERN, fullmatch=True).filter(lambda text: len(text) <= 128 and text.isascii())
versions = st.one_of(releases, candidates, auto_deploys, nightlies, branches, others)


@pytest.mark.parametrize(
    ("text", "kind", "series"),
    [
        ("13.1.0-ee.0", VersionKind.RELEASE, (13, 1)),
        ("17.4.1-ce.0", VersionKind.RELEASE, (17, 4)),
        ("13.1.0-rc42.ee.0", VersionKind.RELEASE_CANDIDATE, (13, 1)),
        ("19.4.202608251011-7e4e62b2495.8c5d3d98386", VersionKind.AUTO_DEPLOY, (19, 4)),
        ("11.5.201811120320-abc1234.def5678", VersionKind.AUTO_DEPLOY, (11, 5)),
        ("13.1.1+rnightly.159756.b2b5f05e-0", VersionKind.NIGHTLY, (13, 1)),
        ("13.1.1+rfbranch.159743.eb538eaf-0", VersionKind.BRANCH, (13, 1)),
        ("13.1.0+internal4-0", VersionKind.OTHER, (13, 1)),
        ("1:9.2p1-2+deb12u3", VersionKind.OTHER, (9, 2)),
        ("1.22.1-9", VersionKind.OTHER, (1, 22)),
        ("2024a-0", VersionKind.OTHER, None),
    ],
    ids=str,
)
def test_a_version_is_of_a_kind_and_a_series(text: str, kind: VersionKind, series: tuple[int, int] | None) -> None:
    version = PackageVersion.parse(text)
    assert (version.kind, version.series, str(version)) == (kind, series, text)


@pytest.mark.parametrize(
    "text",
    [
        *["", " ", "ee", "-1", "1-", "1.0-", "v17.4.1-ee.0", "17.4.1-ee.0 ", "17.4.1-ee.0\n", "17.4.1 -ee.0", "1:2:3"],
        *[
            "17.4.1;reboot",
            "$(reboot)",
            "`reboot`",
            "17.4.1&",
            "17.4.1|x",
            "17.4.1'",
            '17.4.1"',
            "17.4.1\\",
            "*",
            "1/2",
        ],
        *["１7.4.1-ee.0", "17.4.1-ée.0", "17.4.1\x00", "--option", "1" * 129],
    ],
    ids=ascii,
)
def test_what_is_no_version_is_kept_out(text: str) -> None:
    with pytest.raises(VersionError, match="is no package version"):
        PackageVersion.parse(text)


@given(st.text(max_size=60))
def test_no_text_that_is_let_in_means_anything_to_a_shell(text: str) -> None:
    try:
        version = PackageVersion.parse(text)
    except VersionError:
        return
    assert shlex.quote(version.text).strip("'") == version.text
    assert re.fullmatch(r"[A-Za-z0-9.+:~-]+", version.text)


@given(versions)
def test_what_is_printed_is_parsed_to_the_same(text: str) -> None:
    version = PackageVersion.parse(text)
    assert PackageVersion.parse(str(version)) == version
    assert str(version) == text


NEWER_FIRST = [
    ["13.2.0-ee.0", "13.1.10-ee.0", "13.1.9-ee.0", "13.1.0-ee.1", "13.1.0-ee.0", "13.1.0-rc42.ee.0", "13.1.0-rc9.ee.0"],
    [
        "19.5.202609010000-7e4e62b2495.8c5d3d98386",
        "19.4.1-ee.0",
        "19.4.0-ee.0",
        "19.4.0-rc42.ee.0",
        "19.4.202608251011-7e4e62b2495.8c5d3d98386",
        "19.4.202608250959-ffffffff495.8c5d3d98386",
        "19.3.9-ee.0",
    ],
    ["13.1.2-ee.0", "13.1.1+rnightly.159756.b2b5f05e-0", "13.1.1+rfbranch.159999.eb538eaf-0", "13.1.1-ee.0"],
    ["1:1.0-1", "2.0-1", "2.0~rc1-1", "1.10-1", "1.9-1"],
]


@pytest.mark.parametrize("ordered", NEWER_FIRST, ids=["releases", "auto-deploys", "nightlies", "other packages"])
def test_versions_are_ordered_by_what_they_mean(ordered: list[str]) -> None:
    parsed = [PackageVersion.parse(text) for text in ordered]
    assert [str(version) for version in sorted(parsed, reverse=True)] == ordered
    for newer, older in itertools.combinations(parsed, 2):
        assert older < newer
        assert not newer <= older


@given(st.lists(versions.map(PackageVersion.parse), min_size=3, max_size=3))
def test_the_order_is_total(three: list[PackageVersion]) -> None:
    a, b, c = sorted(three)
    assert a <= b <= c
    assert a <= c
    assert (a < b) + (b < a) + (a == b) == 1


@given(releases.map(PackageVersion.parse), releases.map(PackageVersion.parse))
def test_releases_of_one_edition_are_ordered_as_dpkg_orders_them(one: PackageVersion, other: PackageVersion) -> None:
    if one.text.split("-")[1][:2] == other.text.split("-")[1][:2]:
        assert (one < other) == (DebianVersion(one.text) < DebianVersion(other.text))


@pytest.mark.parametrize(
    ("target", "installed", "downgrade"),
    [
        ("13.1.0-ee.0", "13.1.0-rc42.ee.0", True),
        ("19.4.0-ee.0", "19.4.202608251011-7e4e62b2495.8c5d3d98386", True),
        ("17.5.0-ee.0", "17.4.1-ee.0", False),
        ("17.4.1-ee.0", "17.4.1-ee.0", False),
    ],
    ids=["release after its candidate", "release after its auto-deploy", "newer", "same"],
)
def test_what_apt_calls_a_downgrade_is_told_apart_from_what_is_older(
    target: str, installed: str, *, downgrade: bool
) -> None:
    assert PackageVersion.parse(target).is_downgrade_for_apt(PackageVersion.parse(installed)) is downgrade


def generated(random: Random) -> str:
    """Make a version of any form, near to others, so that all parts of the order decide."""
    base = ".".join(str(random.choice((0, 1, 2, 9, 10, 11))) for _ in range(random.choice((1, 2, 3))))
    sha = f"{random.getrandbits(44):011x}"
    return random.choice(
        (
            f"{base}-ee.{random.randint(0, 2)}",
            f"{base}-rc{random.randint(1, 12)}.ee.0",
            f"{base}.20{random.randint(18, 27)}0{random.randint(1, 9)}150320-{sha}.{sha[:8]}",
            f"{base}+rnightly.{random.randint(1, 999)}.{sha[:8]}-0",
            f"{random.choice(('', '0:', '1:'))}{base}{''.join(random.choices('aZ09.+~-', k=random.randint(0, 5)))}1",
        )
    )


@needs("dpkg")
@pytest.mark.timeout(300)
def test_debians_order_agrees_with_dpkg_on_ten_thousand_pairs() -> None:
    random = Random(20181112)
    pairs = [(generated(random), generated(random)) for _ in range(10_000)]
    script = "\n".join(
        f"dpkg --compare-versions {shlex.quote(one)} lt {shlex.quote(other)} && echo 1 || echo 0"
        for one, other in pairs
    )
    told = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True)
    assert not told.stderr
    dpkg = [answer == "1" for answer in told.stdout.split()]
    ours = [PackageVersion.parse(one).is_downgrade_for_apt(PackageVersion.parse(other)) for one, other in pairs]
    assert [pair for pair, x, y in zip(pairs, ours, dpkg, strict=True) if x != y] == []
    assert 4_000 < sum(dpkg) < 6_000
