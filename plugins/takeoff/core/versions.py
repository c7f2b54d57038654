"""Package versions: the strict form in which they enter, their kinds, and which of two is newer.

Debian's order alone misleads: ``13.1.0-rc42.ee.0`` sorts above ``13.1.0-ee.0``, and an auto-deploy above the release
that was made from it. So versions are compared by what they mean; Debian's order only tells what apt will do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache, total_ordering
from typing import Any

from debian.debian_support import Version as DebianVersion

from takeoff.core.errors import VersionError
from takeoff.core.package_settings import VersionKind

VERSION_PATTERN = r"^(?:[0-9]{1,9}:)?[0-9](?:[A-Za-z0-9.+~-]*[A-Za-z0-9.+~])?$"
"""Debian Policy §5.6.12 without the colon in the upstream part; nothing in it means anything to a shell."""

LONGEST = 128
"""Characters of a version; longer ones are somebody's mistake or attack."""

_EDITION = r"(?:ee|ce|fips|jh)"
_BASE = r"(\d{1,9})\.(\d{1,9})\."

# omnibus-gitlab, "Package version format"; the auto-deploy form has been the same since 2018 but for longer hashes.
_FORMS = {
    VersionKind.RELEASE: rf"{_BASE}(\d{{1,9}})-{_EDITION}\.(\d{{1,9}})",
    VersionKind.RELEASE_CANDIDATE: rf"{_BASE}(\d{{1,9}})-rc(\d{{1,9}})\.{_EDITION}\.\d{{1,9}}",
    VersionKind.AUTO_DEPLOY: rf"{_BASE}(\d{{12}})[-+][0-9a-f]{{7,40}}\.[0-9a-f]{{7,40}}",
    VersionKind.BRANCH: rf"{_BASE}(\d{{1,9}})\+rfbranch\.(\d{{1,18}})\.[0-9a-f]{{7,40}}-\d{{1,9}}",
    VersionKind.NIGHTLY: rf"{_BASE}(\d{{1,9}})\+rnightly\.(\d{{1,18}})\.[0-9a-f]{{7,40}}-\d{{1,9}}",
}
_COMPILED = {kind: re.compile(form, re.ASCII) for kind, form in _FORMS.items()}

_RANK = {
    VersionKind.AUTO_DEPLOY: 0,
    VersionKind.RELEASE_CANDIDATE: 1,
    VersionKind.RELEASE: 2,
    VersionKind.BRANCH: 3,
    VersionKind.NIGHTLY: 4,
}
"""Of one major.minor.patch: a release is made from auto-deploys and candidates; branch builds and nightlies carry the
number of the newest release before them."""

_STRICT = re.compile(VERSION_PATTERN, re.ASCII)
_SERIES = re.compile(r"(?:\d+:)?(\d{1,9})\.(\d{1,9})(?![0-9])", re.ASCII)


@dataclass(frozen=True)
class _DebianOrder:
    """Sorts as dpkg does, and by text what dpkg calls equal (``1.0`` and ``1.00``); parsed only when it matters."""

    text: str

    def __lt__(self, other: _DebianOrder) -> bool:
        mine, theirs = DebianVersion(self.text), DebianVersion(other.text)
        return bool(mine < theirs or (mine == theirs and self.text < other.text))


@total_ordering
@dataclass(frozen=True)
class PackageVersion:
    """A version that has passed :meth:`parse`; ``<`` means *older*, by kind and meaning.

    Attributes:
        text: as dpkg and the repository write it.
        kind: what it is.
        series: major and minor number, which upgrade paths are about; ``None`` if it has no such beginning.
    """

    text: str
    kind: VersionKind = field(compare=False)
    series: tuple[int, int] | None = field(compare=False)
    _meaning: tuple[Any, ...] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> PackageVersion:
        """Let a text in.

        Raises:
            VersionError: it is no package version.
        """
        return _parse(text)

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: PackageVersion) -> bool:
        return self._meaning < other._meaning

    def comparable_with(self, other: PackageVersion) -> bool:
        """Whether one can be said to be newer: both have GitLab's forms, or neither has."""
        return (self.kind is VersionKind.OTHER) == (other.kind is VersionKind.OTHER)

    def is_downgrade_for_apt(self, installed: PackageVersion) -> bool:
        """Whether apt calls a change from ``installed`` to this one a downgrade, whatever it means."""
        return bool(DebianVersion(self.text) < DebianVersion(installed.text))


def format_series(series: tuple[int, int]) -> str:
    """Write major and minor as people do: ``17.4``."""
    return f"{series[0]}.{series[1]}"


@lru_cache(maxsize=10_000)  # the same versions come back at every look
def _parse(text: str) -> PackageVersion:
    if len(text) > LONGEST:
        raise VersionError(f"{text[:40]!r}… is no package version: it has {len(text)} characters, over {LONGEST}")
    for kind, form in _COMPILED.items():
        if match := form.fullmatch(text):
            major, minor, *patch, number = map(int, match.groups())
            order = (major, minor, *(patch or (0,)), _RANK[kind], number)
            return PackageVersion(text, kind, (major, minor), (1, order, _DebianOrder(text)))
    if not _STRICT.fullmatch(text):
        raise VersionError(
            f"{text!r} is no package version: a version begins with a digit and has only letters, digits and "
            "'.', '+', '-', '~' in it, such as 17.4.1-ee.0"
        )
    begin = _SERIES.match(text)
    series = (int(begin[1]), int(begin[2])) if begin else None
    return PackageVersion(text, VersionKind.OTHER, series, (0, (), _DebianOrder(text)))
