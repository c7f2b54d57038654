"""The versions that the package sources held when somebody looked last: what chat completes short versions with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from takeoff.core.errors import VersionError
from takeoff.core.operation import Stored
from takeoff.core.package_settings import VersionKind
from takeoff.core.strict_model import format_duration
from takeoff.core.version_completion import complete
from takeoff.core.versions import PackageVersion


class KnownPackages(Stored):
    """What is mirrored of a look at the sources.

    Attributes:
        environment: its name.
        looked_at: when.
        versions: all that the sources held.
    """

    environment: str
    looked_at: datetime
    versions: tuple[str, ...]


def completed(typed: str, known: KnownPackages, also: Iterable[str], now: datetime) -> str:
    """Complete a version that a person typed, from what was seen last.

    A whole version of GitLab's is left as it is although nobody has seen it: it may have come since. Whether it is
    there is for the sources to say, when the run asks them.

    Args:
        typed: in a version's strict form.
        known: what the sources held.
        also: more versions that the environment knows of: deployed, open, rejected.
        now: in UTC.

    Raises:
        VersionError: it can mean several, or nothing that was seen; the nearest are named.
    """
    held = {PackageVersion.parse(text) for text in (*known.versions, *also) if text}
    try:
        return complete(typed, held).text
    except VersionError as error:
        whole = PackageVersion.parse(typed).kind is not VersionKind.OTHER
        if whole or all(version.kind is VersionKind.OTHER for version in held):
            return typed
        age = format_duration(max(now - known.looked_at, timedelta()))
        raise VersionError(
            f"{error} (the sources were asked {age} ago; `packages {known.environment}` asks them anew)"
        ) from None
