"""What people type for a version, completed to what the sources hold: ``17.4.1`` to ``17.4.1-ee.0``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from takeoff.core.errors import VersionError
from takeoff.core.package_settings import VersionKind
from takeoff.core.versions import PackageVersion

NAMED_IN_REFUSAL = 3
"""Versions that a refusal proposes."""

_PLAIN = re.compile(r"\d+\.\d+\.\d{1,9}", re.ASCII)


def complete(typed: str, held: Collection[PackageVersion]) -> PackageVersion:
    """Find the version that was meant.

    A whole version, a git tag (``v17.4.1-ee``, ``13.1.0+rc42.ee.0``) and a beginning that ends where a part of the
    version ends (``17.4.1``, ``13.1.0-rc42``, ``19.4.202608251011``) are understood; three plain numbers mean the
    release.

    Args:
        typed: what came from a person.
        held: versions that the sources hold.

    Raises:
        VersionError: no such version, or several; the nearest are named.
    """
    text = typed.strip()
    begin = text.removeprefix("v")
    by_text = {_dashed(version.text): version for version in held}
    if (exact := by_text.get(_dashed(begin))) is not None:
        return exact
    meant = [version for version in held if begin and _begins(version.text, begin)]
    if _PLAIN.fullmatch(begin):
        meant = [version for version in meant if version.kind in (VersionKind.RELEASE, VersionKind.OTHER)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise VersionError(f"{_shown(text)} can mean {_named(sorted(meant, reverse=True))}: name one of them in full")
    if not held:
        raise VersionError(f"{_shown(text)} is in no source: they hold no version of the package at all")
    proposed = _named(nearest(begin, held)[:NAMED_IN_REFUSAL])
    raise VersionError(f"{_shown(text)} is in no source; the nearest versions there are {proposed}")


def nearest(typed: str, held: Iterable[PackageVersion]) -> list[PackageVersion]:
    """Order versions by how near they are to what was typed: number by number, the newer one first among equals."""
    wanted = _numbers(typed)

    def distance(version: PackageVersion) -> list[int]:
        return [abs(mine - theirs) for mine, theirs in zip(wanted, _numbers(version.text), strict=False)]

    return sorted(sorted(held, reverse=True), key=distance)


def _dashed(text: str) -> str:
    return text.replace("+", "-")


def _begins(version: str, begin: str) -> bool:
    version, begin = _dashed(version), _dashed(begin)
    return version.startswith(begin) and version[len(begin)] in "-."


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,18}", text, re.ASCII)[:3]]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def _named(versions: list[PackageVersion]) -> str:
    more = len(versions) - NAMED_IN_REFUSAL
    return ", ".join(version.text for version in versions[:NAMED_IN_REFUSAL]) + (
        f" and {more} more" if more > 0 else ""
    )
