"""Settings of the package: what is deployed, where it is found, and which jumps are allowed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from takeoff.core.strict_model import Duration, StrictModel, parse_duration

PACKAGE_NAME = r"^[a-z0-9][a-z0-9+.-]+$"
"""Debian Policy §5.6.1, "Package names"."""


class VersionKind(StrEnum):
    """Kinds of package version (omnibus-gitlab, "Package version format")."""

    RELEASE = "release"
    RELEASE_CANDIDATE = "release_candidate"
    AUTO_DEPLOY = "auto_deploy"
    NIGHTLY = "nightly"
    BRANCH = "branch"
    OTHER = "other"
    """A version of a package that does not use GitLab's forms; ordered as dpkg does."""


class AptSource(StrictModel):
    """A signed apt repository over HTTP(S), read as apt reads it."""

    type: Literal["apt"]
    url: str = Field(pattern=r"^https?://\S+$")
    """Base URL: what stands before `dists/`. GitLab's layout has distribution and codename in it."""
    suites: tuple[str, ...] = Field(min_length=1)
    components: tuple[str, ...] = ("main",)
    architectures: tuple[str, ...] = ("amd64",)
    keyring: str
    """File with the repository's public keys (ASCII-armoured or binary), relative to the environment file."""
    connection: str | None = None
    """Airflow connection with login and password, for a private repository."""
    distribution: str | None = None
    """What the fleet calls this source's distribution (`ubuntu/jammy`), where hosts run several."""


class PackagecloudSource(StrictModel):
    """packagecloud's API v1, hosted or self-hosted."""

    type: Literal["packagecloud"]
    url: str = Field(default="https://packagecloud.io", pattern=r"^https?://\S+$")
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    """User and repository: `gitlab/pre-release`."""
    distribution: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    """Distribution and codename: `ubuntu/jammy`."""
    architectures: tuple[str, ...] = ("amd64",)
    connection: str | None = None
    """Airflow connection whose password is the API token."""


class AptCacheSource(StrictModel):
    """Asks a host of the fleet what its own apt could install."""

    type: Literal["apt_cache"]
    host: str | None = None
    """Name of the host asked; the deploy node if absent."""
    source_list: str | None = Field(default=None, pattern=r"^/\S+$")
    """The host's file that names the package's repository; `apt-get update` is then restricted to it."""
    distribution: str | None = None
    """What the fleet calls that host's distribution, where hosts run several."""


PackageSource = Annotated[AptSource | PackagecloudSource | AptCacheSource, Field(discriminator="type")]


class UpgradePath(StrictModel):
    """Which jumps between versions are allowed."""

    zero_downtime: Literal["strict", "relaxed"] = "strict"
    """`strict`: one minor at a time, as zero-downtime upgrades demand; `relaxed`: only required stops count."""
    required_stops: tuple[str, ...] | None = None
    """Versions (`17.8`) that may not be jumped over; GitLab's published list if absent, none for other packages."""


class PipelineHook(StrictModel):
    """Which of GitLab's pipeline events, sent to `/takeoff-hooks/gitlab`, mean that a new package may be there."""

    connection: str
    """Airflow connection whose password is the webhook's secret token; the extra `signing_token` its HMAC key."""
    project: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)+$")
    """Path of the project whose pipeline builds the package: `gitlab-org/omnibus-gitlab`."""
    refs: tuple[str, ...] = Field(default=("*",), min_length=1)
    """Branches and tags, with `*` and `?`."""
    statuses: tuple[str, ...] = Field(default=("success",), min_length=1)
    sources: tuple[str, ...] = Field(default=("push", "schedule", "trigger", "api", "web", "pipeline"), min_length=1)
    """What may have started the pipeline; a tag is pushed too. Merge requests are left out by default."""


class PackageSettings(StrictModel):
    """What is deployed."""

    name: str = Field(pattern=PACKAGE_NAME)
    """Name of the Debian package."""
    kinds: tuple[VersionKind, ...] = Field(default=(VersionKind.RELEASE,), min_length=1)
    """Kinds of version that are deployed automatically; a person may name any version that a source holds."""
    sources: tuple[PackageSource, ...] = Field(min_length=1)
    """Asked in this order; the first that answers is believed."""
    upgrade_path: UpgradePath = UpgradePath()
    disk_space_mib: int = Field(default=10240, ge=0)
    """Free space each host must have before anything begins, in MiB: the package, the old tree and the new one."""
    hook: PipelineHook | None = None
    """GitLab's webhook that rings when a package was built; the hourly look finds it without, too."""
    index_wait: Duration = parse_duration("10m")
    """How long a run that an event started waits for the package to be in the index; the upload takes time."""
    index_poll: Duration = parse_duration("20s")
    """Time between two looks while it waits."""

    @model_validator(mode="after")
    def _distributions_told(self) -> Self:
        named = {source.distribution for source in self.sources if source.distribution}
        if len(named) > 1 and any(not source.distribution for source in self.sources):
            raise ValueError(
                f"sources name several distributions ({', '.join(sorted(named))}), so every source needs `distribution`"
            )
        return self

    def sources_by_distribution(self) -> dict[str, tuple[PackageSource, ...]]:
        """Group the sources: those of one distribution are asked in order, and every distribution must be answered.

        A source that names none belongs to the only one there is; its name is empty if none is named at all.
        """
        named = list(dict.fromkeys(source.distribution for source in self.sources if source.distribution)) or [""]
        return {
            name: tuple(source for source in self.sources if (source.distribution or named[0]) == name)
            for name in named
        }
