"""Looks for packages: what is there, what is deployed next, and whether a version that a person named exists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from takeoff.clients.sources import Asked, ask_in_order
from takeoff.core.candidates import Candidate, Platform, SelectionRules, builds_of, select
from takeoff.core.errors import SourceUntrusted
from takeoff.core.operation import Artifact
from takeoff.core.package_report import PackageReport, SourceLine
from takeoff.core.package_settings import AptCacheSource, PackageSettings
from takeoff.core.upgrade_path import UpgradeRule
from takeoff.core.version_completion import complete
from takeoff.core.versions import PackageVersion
from takeoff.engine.package_sources import package_sources
from takeoff.engine.session import Session


@dataclass(frozen=True)
class FoundVersion:
    """A version that the sources hold for the whole fleet.

    Attributes:
        version: in full.
        artifacts: its builds, as an operation pins them.
    """

    version: PackageVersion
    artifacts: tuple[Artifact, ...]


async def look_for_packages(session: Session, *, deployed: str, rejected: Mapping[str, str]) -> PackageReport:
    """Ask the sources and choose what is deployed next.

    Args:
        session: the environment.
        deployed: version that the fleet runs, from the journal; empty if not recorded, and then nothing qualifies.
        rejected: version → reason, from the journal.

    Returns:
        All of it, also when no source answers: :meth:`PackageReport.raise_without_answer` makes an error of that.

    Raises:
        ConfigError: a source's connection or keyring is missing.
        VersionError: the deployed version is none.
    """
    package = session.environment.package
    answers = await _ask(session)
    report = _report(session, answers, deployed)
    if not all(answer.source for answer in answers.values()):
        return report
    candidates = _candidates(answers)
    rules = SelectionRules(
        kinds=frozenset(package.kinds),
        deployed=PackageVersion.parse(deployed) if deployed else None,
        rejected=rejected,
        path=UpgradeRule(package.upgrade_path, package.name, {one.version for one in candidates}),
        platforms=platforms(package, candidates),
    )
    unreadable = [one for answer in answers.values() for one in answer.holdings.unreadable]
    selection = select(candidates, rules)
    selection = replace(selection, builds=await _described(answers, selection.builds))
    return report.with_selection(selection, unreadable)


async def find_version(session: Session, typed: str) -> FoundVersion:
    """Complete what a person typed to a version that is there for the whole fleet.

    Raises:
        VersionError: no source holds it, it can mean several, or it is not there for a part of the fleet.
        SourceUnavailable: no source answers, so whether it exists is unknown.
        SourceUntrusted: a source's answer cannot be believed.
        ConfigError: a source's connection or keyring is missing.
    """
    answers = await _ask(session)
    _report(session, answers, "").raise_without_answer()
    candidates = _candidates(answers)
    version = complete(typed, {one.version for one in candidates})
    builds = builds_of(version, candidates, platforms(session.environment.package, candidates))
    described = await _described(answers, builds)
    for one in described:
        if not one.sha256:
            raise SourceUntrusted(one.source, f"it tells no SHA256 of {one.version}, so nothing can be verified")
    artifacts = (
        Artifact(sha256=one.sha256, size=one.size, architecture=one.architecture, distribution=one.distribution)
        for one in described
    )
    return FoundVersion(version, tuple(artifacts))


def platforms(package: PackageSettings, candidates: tuple[Candidate, ...]) -> frozenset[Platform]:
    """Name every distribution and architecture of the fleet: what the sources are configured for.

    Where only a host's apt is asked, which is configured for none, it is what that apt offers.
    """
    told = {
        (distribution, architecture)
        for distribution, sources in package.sources_by_distribution().items()
        for source in sources
        if not isinstance(source, AptCacheSource)
        for architecture in source.architectures
    }
    silent = set(package.sources_by_distribution()) - {distribution for distribution, _ in told}
    return frozenset(told | {(one.distribution, one.architecture) for one in candidates if one.distribution in silent})


async def _ask(session: Session) -> dict[str, Asked]:
    sources = package_sources(session.environment, session.credentials, session.transport)
    answers = await asyncio.gather(*(ask_in_order(group) for group in sources.values()))
    asked = dict(zip(sources, answers, strict=True))
    session.seen_versions.update(one.version.text for one in _candidates(asked))
    return asked


def _candidates(answers: Mapping[str, Asked]) -> tuple[Candidate, ...]:
    return tuple(one for answer in answers.values() for one in answer.holdings.candidates)


async def _described(answers: Mapping[str, Asked], builds: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    described = []
    for one in builds:
        source = answers[one.distribution].source
        described.append(await source.describe(one) if source and not one.sha256 else one)
    return tuple(described)


def _report(session: Session, answers: Mapping[str, Asked], deployed: str) -> PackageReport:
    return PackageReport(
        environment=session.environment.name,
        package=session.environment.package.name,
        looked_at=session.clock.now(),
        deployed=deployed,
        sources=tuple(
            SourceLine(name=one.name, distribution=distribution, state=one.state.value, message=one.message)
            for distribution, answer in answers.items()
            for one in answer.outcomes
        ),
    )
