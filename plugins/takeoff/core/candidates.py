"""Packages that sources hold, and which of them is deployed next: every other one is passed over for a reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from takeoff.core.errors import VersionError
from takeoff.core.package_settings import VersionKind
from takeoff.core.upgrade_path import UpgradeRule
from takeoff.core.versions import PackageVersion

OLDER = "is older than the deployed"
"""How the reason begins for the versions of the past, which are many."""

Platform = tuple[str, str]
"""Distribution (empty where the fleet has only one) and Debian's name of the architecture."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One build of the package, as a source describes it: the same version differs between distributions.

    Attributes:
        name: name of the package.
        version: its version.
        distribution: as the environment file names it (``ubuntu/jammy``); empty where the fleet has only one.
        architecture: Debian's name of it; ``all`` runs everywhere.
        sha256: hex digest of the .deb; empty where the source does not tell.
        size: bytes of the .deb; 0 where the source does not tell.
        source: what told of it, for people.
        published_at: since when it is there, in UTC, where the source tells.
        filename: path of the .deb below the source's base; empty where the source does not tell.
    """

    name: str
    version: PackageVersion
    distribution: str
    architecture: str
    sha256: str = ""
    size: int = 0
    source: str = ""
    published_at: datetime | None = None
    filename: str = ""


@dataclass(frozen=True)
class PassedOver:
    """A version that is not chosen.

    Attributes:
        version: as the source writes it.
        kind: what it is; ``None`` if it is no version at all.
        reason: why not, as the end of a sentence that begins with the version.
    """

    version: str
    kind: VersionKind | None
    reason: str


@dataclass(frozen=True)
class Holdings:
    """What a source holds of the package.

    Attributes:
        candidates: every build that could be read.
        unreadable: entries that could not, each with its reason.
    """

    candidates: tuple[Candidate, ...] = ()
    unreadable: tuple[PassedOver, ...] = ()


@dataclass(frozen=True)
class Selection:
    """What is deployed next.

    Attributes:
        version: the newest that qualifies; ``None`` if none does.
        builds: its builds, one for each distribution and architecture.
        passed_over: all others, newest first.
    """

    version: PackageVersion | None
    builds: tuple[Candidate, ...]
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True)
class SelectionRules:
    """What a version must be to be deployed by itself.

    Attributes:
        kinds: accepted kinds of version.
        deployed: what the fleet runs, from the journal; ``None`` if that is not recorded.
        rejected: version → reason, from rollbacks.
        path: which jumps are allowed.
        platforms: every distribution and architecture of the fleet.
    """

    kinds: frozenset[VersionKind]
    deployed: PackageVersion | None
    rejected: Mapping[str, str]
    path: UpgradeRule
    platforms: frozenset[Platform]

    def refusal(self, version: PackageVersion) -> str | None:
        """Say why a version does not qualify, whatever builds there are; ``None`` if it does."""
        if self.deployed is None:
            return "what the fleet runs is not recorded yet: run `takeoff adopt` first"
        if not version.comparable_with(self.deployed):
            return f"is of another form than the deployed {self.deployed}, so which one is newer is unknown"
        if version == self.deployed:
            return "is deployed"
        if version < self.deployed:
            return f"{OLDER} {self.deployed}"
        if version.kind not in self.kinds:
            accepted = ", ".join(sorted(kind.value for kind in self.kinds))
            return f"is of kind {version.kind.value}, and package.kinds accepts {accepted}"
        if (why := self.rejected.get(version.text)) is not None:
            return f"was rejected: {why}"
        return self.path.refusal(self.deployed, version)


def select(candidates: Iterable[Candidate], rules: SelectionRules) -> Selection:
    """Choose the newest version that qualifies and is there for the whole fleet."""
    chosen: PackageVersion | None = None
    builds: tuple[Candidate, ...] = ()
    passed_over = []
    for version, held in newest_first(candidates):
        reason = rules.refusal(version) or missing_builds(held, rules.platforms)
        if reason is None and chosen is not None:
            reason = f"is older than {chosen}"
        if reason is None:
            chosen, builds = version, tuple(held)
        else:
            passed_over.append(PassedOver(version.text, version.kind, reason))
    return Selection(chosen, builds, tuple(passed_over))


def newest_first(candidates: Iterable[Candidate]) -> list[tuple[PackageVersion, list[Candidate]]]:
    """Group builds by version, newest version first; builds named twice alike (by two suites) count once."""
    groups: dict[PackageVersion, dict[tuple[Platform, str], Candidate]] = {}
    for one in candidates:
        key = (one.distribution, one.architecture), one.sha256
        groups.setdefault(one.version, {}).setdefault(key, one)
    return [(version, list(groups[version].values())) for version in sorted(groups, reverse=True)]


def missing_builds(builds: Sequence[Candidate], platforms: frozenset[Platform]) -> str | None:
    """Say for which part of the fleet a version is not there, or is there in two contents; ``None`` if all is well."""
    held = [(one.distribution, one.architecture) for one in builds]
    if twice := sorted({platform for platform in held if held.count(platform) > 1}):
        return f"is offered with different contents for {_list(twice)}: which one is meant cannot be told"
    everywhere = {distribution for distribution, architecture in held if architecture == "all"}
    missing = sorted(one for one in platforms if one not in held and one[0] not in everywhere)
    return f"is not there for {_list(missing)}" if missing else None


def builds_of(
    version: PackageVersion, candidates: Iterable[Candidate], platforms: frozenset[Platform]
) -> tuple[Candidate, ...]:
    """Find a version's builds for the whole fleet.

    Raises:
        VersionError: it is not there for a part of the fleet.
    """
    held = dict(newest_first(candidates)).get(version, [])
    if (reason := missing_builds(held, platforms)) is not None:
        raise VersionError(f"version {version} {reason}")
    return tuple(held)


def _list(platforms: Iterable[Platform]) -> str:
    return ", ".join(" ".join(part for part in platform if part) for platform in platforms)
