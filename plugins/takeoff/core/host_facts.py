"""What a host says about itself, and what of it forbids a deploy or is worth knowing before one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from takeoff.core.environment import Environment
from takeoff.core.gates import HOSTS, Finding, Weight
from takeoff.core.operation import Artifact

CLOCK_TOLD_S = 30
"""A host's clock may differ from ours by so many seconds before it is told."""

CLOCK_BLOCKS_S = 300
"""So far off, signatures of the package repository are judged wrongly, and the order of events cannot be read."""

MEMORY_TOLD_MIB = 512
"""Less available memory than this is told: `gitlab-ctl reconfigure` alone takes some hundred MiB."""

CLEAN = ("install ok installed", "hold ok installed")
"""dpkg's states of a package that is whole."""


@dataclass(frozen=True)
class HostFacts:
    """Facts of one host, read without changing it.

    Attributes:
        host: its name in the environment.
        hostname: what it calls itself.
        boot_id: changes with each boot.
        architecture: Debian's name of it.
        clock: its time, in seconds since 1970.
        epoch: highest driver's epoch it has seen; 0 if none.
        authority: id of the journal it belongs to; empty if none.
        point_of_no_return: newest one it was told; empty if none.
        version: installed version of the package; empty if it is not installed.
        status: dpkg's status of the package (``install ok installed``, ``install ok half-configured``, …).
        audit: what ``dpkg --audit`` complains about; empty if nothing.
        lock_holder: process that holds apt's or dpkg's lock, with its pid; empty if none.
        held: the package is on hold (``apt-mark hold``).
        free_mib: free space of the root file system.
        archives_free_mib: free space where apt keeps downloaded packages.
        memory_mib: available memory.
        skip_file: ``/etc/gitlab/skip-auto-reconfigure`` is there.
        auto_migrate: ``true`` or ``false`` as ``/etc/gitlab/gitlab.rb`` sets it; empty if it says nothing.
        running_jobs: ``operation/host/step`` of jobs that run there.
    """

    host: str
    hostname: str
    boot_id: str
    architecture: str
    clock: float
    epoch: int
    authority: str
    point_of_no_return: str
    version: str
    status: str
    audit: str
    lock_holder: str
    held: bool
    free_mib: int
    archives_free_mib: int
    memory_mib: int
    skip_file: bool
    auto_migrate: str
    running_jobs: tuple[str, ...]


def judge(
    facts: HostFacts,
    environment: Environment,
    *,
    now: datetime,
    version: str = "",
    artifacts: tuple[Artifact, ...] = (),
) -> tuple[Finding, ...]:
    """Turn one host's facts into findings.

    Args:
        facts: of one host that gets the package.
        environment: what it must be fit for.
        now: the time at which it was asked.
        version: what shall be installed; disk space is not asked of a host that runs it already.
        artifacts: builds of that version; empty if not known yet.
    """
    found = (
        *_space(facts, environment, version, artifacts),
        *_package(facts, environment, version),
        *_migrates(facts, environment),
        *_machine(facts, now, artifacts),
    )
    return tuple(finding.model_copy(update={"gate": HOSTS, "host": facts.host}) for finding in found)


def _blocks(message: str, lifts: str) -> Finding:
    return Finding(gate=HOSTS, weight=Weight.BLOCKS, message=message, lifts=lifts)


def _told(message: str, lifts: str = "") -> Finding:
    return Finding(gate=HOSTS, weight=Weight.TOLD, message=message, lifts=lifts)


def _space(
    facts: HostFacts, environment: Environment, version: str, artifacts: tuple[Artifact, ...]
) -> Iterator[Finding]:
    if version and facts.version == version:
        return
    needed = environment.package.disk_space_mib
    if facts.free_mib < needed:
        yield _blocks(
            f"{facts.free_mib} MiB are free, {needed} are needed",
            "free some space there, or lower package.disk_space_mib in the environment file",
        )
    download = max((artifact.size for artifact in artifacts), default=0) >> 20
    if facts.archives_free_mib < download:
        yield _blocks(
            f"{facts.archives_free_mib} MiB are free in /var/cache/apt/archives, the package needs {download}",
            "run `apt-get clean` there, or free some space",
        )


def _package(facts: HostFacts, environment: Environment, version: str) -> Iterator[Finding]:
    name = environment.package.name
    if not facts.version:
        yield _told(f"{name} is not installed", "the rollout installs it")
    elif facts.status not in CLEAN or facts.audit:
        what = f"{name} {facts.version} is {facts.status!r}" if facts.status not in CLEAN else facts.audit
        yield _told(f"dpkg was interrupted: {what}", "`dpkg --configure -a` is run before the install")
    if facts.held:
        yield _told(f"{name} is on hold there", "the hold is lifted for the install and set again after it")
    if facts.lock_holder:
        yield _told(f"the package lock is held by {facts.lock_holder}", "an install waits up to 10 minutes for it")
    if facts.skip_file:
        yield _told(
            "/etc/gitlab/skip-auto-reconfigure was left behind: an ordinary upgrade of the package would do nothing",
            "it goes with the next install by Takeoff" if version and facts.version != version else "remove it",
        )


def _migrates(facts: HostFacts, environment: Environment) -> Iterator[Finding]:
    if not environment.package.name.startswith("gitlab"):
        return
    if facts.host != environment.deploy_node.name:
        # Omnibus' own default is true: a host that says nothing migrates.
        if facts.auto_migrate != "false":
            yield _blocks(
                "auto_migrate is not off: its reconfigure would run database migrations, which is the deploy node's "
                "part alone",
                "set gitlab_rails['auto_migrate'] = false in /etc/gitlab/gitlab.rb there",
            )
    elif facts.auto_migrate == "false" and not any("db:migrate" in text for text in environment.migrations.regular):
        yield _blocks(
            "auto_migrate is off on the deploy node, so that its reconfigure would migrate nothing",
            "set gitlab_rails['auto_migrate'] = true there, or name `gitlab-rake db:migrate` in migrations.regular",
        )


def _machine(facts: HostFacts, now: datetime, artifacts: tuple[Artifact, ...]) -> Iterator[Finding]:
    known = {artifact.architecture for artifact in artifacts}
    if known and facts.architecture not in known:
        yield _blocks(
            f"it is of architecture {facts.architecture or '(unknown)'}, the package is built for "
            f"{', '.join(sorted(known))}",
            "add the architecture to the package source, or take the host out of the environment file",
        )
    off = facts.clock - now.timestamp()
    if abs(off) > CLOCK_TOLD_S:
        message = f"its clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
        lifts = "set its clock (chrony, systemd-timesyncd)"
        yield _blocks(message, lifts) if abs(off) > CLOCK_BLOCKS_S else _told(message, lifts)
    if facts.memory_mib < MEMORY_TOLD_MIB:
        yield _told(f"only {facts.memory_mib} MiB of memory are available", "look what uses it")
    for job in facts.running_jobs:
        yield _told(f"job {job} runs there", "it is attached to, or waited for")
