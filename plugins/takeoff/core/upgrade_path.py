"""Which jumps between versions are allowed: GitLab's required stops, and one minor at a time."""

from __future__ import annotations

from collections.abc import Iterable

from takeoff.core.errors import ConfigError
from takeoff.core.package_settings import UpgradePath
from takeoff.core.versions import PackageVersion, format_series

Series = tuple[int, int]

GITLAB_STOPS: tuple[str, ...] = (
    *("8.11", "8.12", "8.17", "9.5", "10.0", "10.8", "11.0", "11.11"),
    *("12.0", "12.1", "12.10", "13.0", "13.1", "13.8", "13.12", "14.0", "14.3", "14.9", "14.10"),
    *("15.0", "15.4", "15.11", "16.3", "16.7", "16.11", "17.1", "17.3"),
)
"""GitLab's ``config/upgrade_path.yml`` up to 17.3; 17.1 is required of instances with many pipeline messages."""

GITLAB_REGULAR_STOPS = (2, 5, 8, 11)
"""Minors that are required stops in every major from 17.5 on (docs.gitlab.com/update/upgrade_paths)."""

_CONDITIONAL: frozenset[Series] = frozenset({(17, 1)})
"""Of GitLab's stops, those that only some instances must make."""

_REGULAR_FROM: Series = (17, 5)
_LAST_MINORS = {8: 17, 9: 5, 10: 8, 11: 11, 12: 10, 13: 12, 14: 10}
_LAST_MINOR = 11
"""A major of GitLab ends with its minor 11 since 15."""


def parse_series(text: str) -> Series:
    """Read ``17.8`` (or ``17.8.2``, of which the patch is left out).

    Raises:
        ConfigError: it does not begin with two numbers.
    """
    try:
        major, minor = (int(part) for part in text.split(".")[:2])
    except ValueError:
        raise ConfigError(f"package.upgrade_path.required_stops: {text!r} is no version such as 17.8") from None
    return major, minor


class UpgradeRule:
    """Judges the step from the deployed version of one package to a candidate.

    Args:
        settings: what the environment file says.
        package: name of the package; GitLab's own list is the default of ``gitlab-*`` only.
        known: versions that the sources hold, to see where a major of another package ends.
    """

    def __init__(self, settings: UpgradePath, package: str, known: Iterable[PackageVersion] = ()) -> None:
        self._strict = settings.zero_downtime == "strict"
        self._gitlab = package.startswith("gitlab-") and package != "gitlab-runner"
        self._own_list = settings.required_stops is not None
        texts = settings.required_stops if settings.required_stops is not None else GITLAB_STOPS if self._gitlab else ()
        self._stops = {parse_series(text) for text in texts}
        self._known = {version.series for version in known if version.series is not None}

    def refusal(self, deployed: PackageVersion, candidate: PackageVersion) -> str | None:
        """Say why a candidate may not follow the deployed version, and what must come first; ``None`` if it may.

        Going back is not judged here: rollbacks have their own rules.
        """
        start, end = deployed.series, candidate.series
        if start is None or end is None or end <= start:
            return None
        if stop := self._stop_between(start, end):
            return f"jumps over {format_series(stop)}, a required stop of the upgrade path: deploy that first"
        if self._strict and end != (following := self._following(start)):
            return (
                f"skips {format_series(following)}: zero-downtime upgrades take one minor at a time "
                "(package.upgrade_path.zero_downtime: strict)"
            )
        return None

    def stop_left(self, migrated: PackageVersion, candidate: PackageVersion) -> str:
        """Name the required stop that a candidate leaves while migrations of ``migrated`` are pending; empty if none.

        GitLab removes at a stop what earlier versions needed to migrate: what is pending there must run before the
        version after it (gitlab-org/gitlab#356636 lost data otherwise).
        """
        start, end = migrated.series, candidate.series
        if start is None or end is None:
            return ""
        conditional = _CONDITIONAL if not self._own_list else frozenset()
        left = [stop for stop in self._stops_until(end) if start <= stop < end and stop not in conditional]
        return format_series(min(left)) if left else ""

    def _stop_between(self, start: Series, end: Series) -> Series | None:
        return min((stop for stop in self._stops_until(end) if start < stop < end), default=None)

    def _stops_until(self, end: Series) -> set[Series]:
        if not self._gitlab or self._own_list:
            return self._stops
        regular = ((major, minor) for major in range(17, end[0] + 1) for minor in GITLAB_REGULAR_STOPS)
        return self._stops | {stop for stop in regular if stop >= _REGULAR_FROM}

    def _following(self, start: Series) -> Series:
        major, minor = start
        return (major + 1, 0) if minor >= self._last_minor(major) else (major, minor + 1)

    def _last_minor(self, major: int) -> int:
        if self._gitlab:
            return _LAST_MINORS.get(major, _LAST_MINOR)
        return max((minor for known, minor in self._known if known == major), default=0)
