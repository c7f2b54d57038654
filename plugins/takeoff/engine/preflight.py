"""Preflight: every gate and every host looked at before a deploy changes anything, all findings at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from takeoff.clients.gitlab import GitlabProject
from takeoff.core import gates
from takeoff.core.counting import counted
from takeoff.core.errors import CheckFailed, HostError, SourceUnavailable, SourceUntrusted, VersionError
from takeoff.core.freeze import freezes_at, gitlab_freezes_at
from takeoff.core.gates import WAITING, Finding, Weight, blockers, check_skips, refuse, with_skips
from takeoff.core.operation import OperationKind, Stored
from takeoff.core.preflight_report import HostsReport
from takeoff.core.record import Record
from takeoff.core.record_gates import freeze_findings, record_findings
from takeoff.core.upgrade_path import UpgradeRule
from takeoff.core.versions import PackageVersion
from takeoff.engine.alerts import alerts_before
from takeoff.engine.background_migrations import background_migration_findings
from takeoff.engine.credentials import endpoint_access
from takeoff.engine.opening import DeployRequest, operation_of_run
from takeoff.engine.packages import find_version
from takeoff.engine.qa import look_at_qa
from takeoff.engine.session import Session
from takeoff.fleet.host_preflight import look_at_hosts

UNKNOWN = (SourceUnavailable, SourceUntrusted, HostError, CheckFailed)
"""A gate that ends so could not be looked at, and unknown is not good."""


class Preflight(Stored):
    """What was found before a deploy; ``takeoff preflight --json`` prints it.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        environment: its name.
        version: what shall be deployed, in full.
        deployed: what the journal says the fleet runs.
        findings: of gates first, then of hosts in rollout order.
        hosts: how many hosts answered.
    """

    schema_version: Literal[1] = 1
    environment: str
    version: str
    deployed: str
    findings: tuple[Finding, ...]
    hosts: int

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """What forbids the deploy."""
        return blockers(self.findings)

    @property
    def only_waits(self) -> bool:
        """Whether it is blocked, and only by gates that ask to wait: no fault that a person must repair."""
        return bool(self.blockers) and all(finding.gate in WAITING for finding in self.blockers)

    @property
    def sentence(self) -> str:
        """Say in one line what was found."""
        now = self.deployed or "nothing recorded"
        state = f"blocked by {counted(len(self.blockers), 'finding')}" if self.blockers else "nothing blocks it"
        return f"{self.version} to {self.environment} (now {now}): {state}; {counted(self.hosts, 'host')} answered"

    def refuse(self) -> None:
        """Raise what forbids the deploy, all of it in one message.

        Raises:
            Refused: named after the first gate that must not merely be waited for, else after the first.
        """
        refuse(self.findings, f"deploy {self.version} to {self.environment}")


async def preflight(session: Session, request: DeployRequest) -> Preflight:
    """Look at every gate and every host; change nothing.

    Args:
        session: the environment.
        request: the deploy; its skips are marked in the findings.

    Returns:
        All findings at once; ``refuse()`` raises if any blocks.

    Raises:
        ConfigError: a skip names no gate, or a connection is missing.
        VersionError: no source holds that version.
        SourceUnavailable: no package source answers.
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    check_skips(request.skips)
    record = await session.journal.read()
    found = await find_version(session, request.version)
    version = found.version.text
    judged = record_findings(record, session.environment, version, session.clock.now())
    outside = asyncio.gather(
        _looked(gates.UPGRADE_PATH, lambda: _upgrade_path(session, record, found.version)),
        _looked(gates.FREEZE, lambda: _freezes(session)),
        _looked(gates.GITLAB_FREEZE, lambda: _gitlab_freezes(session)),
        _looked(gates.BACKGROUND_MIGRATIONS, lambda: background_migration_findings(session)),
        _looked(gates.QA, lambda: _qa(session)),
        _looked(gates.ALERTS, lambda: _alerts(session)),
    )
    looked, others = await asyncio.gather(_hosts(session, version, record), outside)
    findings = [*judged, *(finding for several in others for finding in several), *looked.findings]
    own = operation_of_run(record, request.run, OperationKind.DEPLOY)
    if own is not None and own.outcome is None:
        # Its gates were passed when it opened; its own lease, and hosts that it has out, must not stop its retry.
        findings = [finding.model_copy(update={"weight": Weight.TOLD}) for finding in findings]
    return Preflight(
        environment=session.environment.name,
        version=version,
        deployed=record.deployed_version,
        findings=with_skips(findings, request.skips),
        hosts=len(looked.looked_at),
    )


async def _looked(gate: str, look: Callable[[], Awaitable[tuple[Finding, ...]]]) -> tuple[Finding, ...]:
    try:
        return await look()
    except UNKNOWN as error:
        lifts = f"repair it and try again, or --skip {gate}=REASON"
        return (Finding(gate=gate, message=f"could not be looked at: {error}", lifts=lifts),)


async def _hosts(session: Session, version: str, record: Record) -> HostsReport:
    return await look_at_hosts(session.fleet, version=version, left_behind=tuple(record.left_behind))


async def _upgrade_path(session: Session, record: Record, version: PackageVersion) -> tuple[Finding, ...]:
    package = session.environment.package
    try:
        deployed = PackageVersion.parse(record.deployed_version)
    except VersionError:
        return ()
    why = UpgradeRule(package.upgrade_path, package.name, {version}).refusal(deployed, version)
    return (Finding(gate=gates.UPGRADE_PATH, message=f"{version} {why}"),) if why else ()


async def _freezes(session: Session) -> tuple[Finding, ...]:
    found = freezes_at(session.clock.now(), session.environment.gates.freeze_windows)
    return tuple(freeze_findings(found, gates.FREEZE))


async def _gitlab_freezes(session: Session) -> tuple[Finding, ...]:
    if (settings := session.environment.gates.gitlab_freeze_periods) is None:
        return ()
    access = endpoint_access(session.credentials, settings, "gates.gitlab_freeze_periods")
    project = GitlabProject(access.base_url, settings.project, access.token, access.session)
    periods = await asyncio.to_thread(project.freeze_periods)
    found = gitlab_freezes_at(session.clock.now(), periods, f"GitLab at {access.base_url}")
    return tuple(freeze_findings(found, gates.GITLAB_FREEZE))


async def _qa(session: Session) -> tuple[Finding, ...]:
    if session.environment.qa is not None:
        await look_at_qa(session)
    return ()


async def _alerts(session: Session) -> tuple[Finding, ...]:
    await alerts_before(session)
    return ()
