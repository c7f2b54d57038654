"""What a look for packages found: `takeoff packages --json`, the sensor's log and the chat answer say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from takeoff.core.candidates import OLDER, Candidate, PassedOver, Selection
from takeoff.core.errors import SourceUnavailable, SourceUntrusted
from takeoff.core.operation import Artifact, Stored
from takeoff.core.package_settings import VersionKind

SCHEMA: Literal[1] = 1
"""Version of the report's form; keys are only ever added."""

LOGGED_OLDER = 3
"""Versions not newer than the deployed one that the log names, before it counts the rest."""


class SourceLine(Stored):
    """One source's part in a look.

    Attributes:
        name: the source.
        distribution: what it was asked for; empty where the fleet has only one.
        state: ``answered``, ``unavailable``, ``untrusted`` or ``not asked``.
        message: why it gave no answer, or how much it holds.
    """

    name: str
    distribution: str = ""
    state: Literal["answered", "unavailable", "untrusted", "not asked"]
    message: str = ""


class BuildLine(Stored):
    """One build of the chosen version; ``sha256`` and ``size`` are empty and 0 where no source tells."""

    distribution: str
    architecture: str
    sha256: str
    size: int
    source: str
    filename: str
    published_at: datetime | None = None

    @classmethod
    def of(cls, candidate: Candidate) -> BuildLine:
        """Write a candidate down."""
        return cls(
            distribution=candidate.distribution,
            architecture=candidate.architecture,
            sha256=candidate.sha256,
            size=candidate.size,
            source=candidate.source,
            filename=candidate.filename,
            published_at=candidate.published_at,
        )


class PassedOverLine(Stored):
    """A version that was not chosen, and the reason as the end of a sentence that begins with the version."""

    version: str
    kind: VersionKind | None
    reason: str


class PackageReport(Stored):
    """One look at all sources.

    Attributes:
        schema_version: version of this form.
        environment: name of the environment.
        package: name of the package.
        looked_at: when, in UTC.
        deployed: version of the fleet, from the journal; empty if not recorded.
        sources: every source once.
        version: the one to deploy next; empty if none qualifies.
        kind: its kind.
        builds: its builds, one for each distribution and architecture of the fleet.
        passed_over: all other versions, newest first.
    """

    schema_version: Literal[1] = SCHEMA
    environment: str
    package: str
    looked_at: datetime
    deployed: str
    sources: tuple[SourceLine, ...]
    version: str = ""
    kind: VersionKind | None = None
    builds: tuple[BuildLine, ...] = ()
    passed_over: tuple[PassedOverLine, ...] = ()

    def with_selection(self, selection: Selection, unreadable: Iterable[PassedOver]) -> PackageReport:
        """Add what was chosen, and why the rest was not."""
        return self.model_copy(
            update={
                "version": str(selection.version or ""),
                "kind": selection.version.kind if selection.version else None,
                "builds": tuple(BuildLine.of(one) for one in selection.builds),
                "passed_over": tuple(
                    PassedOverLine(version=one.version, kind=one.kind, reason=one.reason)
                    for one in (*unreadable, *selection.passed_over)
                ),
            }
        )

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The builds as an operation pins them; those without a known hash are left out."""
        return tuple(
            Artifact(sha256=one.sha256, size=one.size, architecture=one.architecture, distribution=one.distribution)
            for one in self.builds
            if one.sha256
        )

    def raise_without_answer(self) -> None:
        """Raise if a part of the fleet has no answer: that is not the same as nothing new.

        Raises:
            SourceUntrusted: a source's answer cannot be believed.
            SourceUnavailable: no source of a distribution gave an answer.
        """
        for line in self.sources:
            if line.state == "untrusted":
                raise SourceUntrusted(f"packages of {self.environment}", f"{line.name}: {line.message}")
        silent = [
            name for name in dict.fromkeys(line.distribution for line in self.sources) if not self._answered(name)
        ]
        if silent:
            why = "; ".join(f"{line.name}: {line.message}" for line in self.sources if line.distribution in silent)
            what = f"no source for {', '.join(silent)} answers" if all(silent) else "no source answers"
            raise SourceUnavailable(f"packages of {self.environment}", f"{what} ({why})")

    def lines(self) -> Iterator[str]:
        """Tell all of it in plain lines, for a log: sources, choice, and what was passed over and why."""
        for line in self.sources:
            place = f" for {line.distribution}" if line.distribution else ""
            yield f"{line.name}{place}: {line.state}{f' ({line.message})' if line.message else ''}"
        yield f"deployed: {self.deployed or 'not recorded'}"
        yield f"next: {self.version or f'no version of {self.package} qualifies'}"
        newer, rest = self._told_and_counted()
        for one in newer:
            yield f"passed over: {one.version} {one.reason}"
        if rest:
            yield f"passed over: {rest} more, each of which {OLDER} {self.deployed}"

    def _told_and_counted(self) -> tuple[list[PassedOverLine], int]:
        older = [one for one in self.passed_over if one.reason.startswith(OLDER)]
        kept = older[:LOGGED_OLDER]
        return [one for one in self.passed_over if one not in older or one in kept], len(older) - len(kept)

    def _answered(self, distribution: str) -> bool:
        return any(line.state == "answered" for line in self.sources if line.distribution == distribution)
