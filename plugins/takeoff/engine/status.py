"""What an environment is doing now: the journal's record, and the hosts looked at."""

from __future__ import annotations

from takeoff.core.environment_status import EnvironmentStatus, HostStatus, status_of
from takeoff.core.gates import Weight
from takeoff.core.preflight_report import HostsReport
from takeoff.core.record import Record
from takeoff.engine.session import Session
from takeoff.fleet.host_preflight import look_at_hosts


async def look(session: Session, *, hosts: bool = True) -> EnvironmentStatus:
    """Read the journal and, if wanted, every host's installed version and its state in the balancers.

    Raises:
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    record = await session.journal.read()
    if not hosts:
        return status_of(record, session.environment, session.clock.now())
    # What is deployed asks for no room on the disk: only what is wrong now counts here.
    report = await look_at_hosts(session.fleet, version=record.deployed_version, left_behind=tuple(record.left_behind))
    return status_of(record, session.environment, session.clock.now(), host_statuses(session, record, report))


def host_statuses(session: Session, record: Record, report: HostsReport) -> tuple[HostStatus, ...]:
    """Say how each host is: blessed node first, then in rollout order."""
    environment = session.environment
    places = [(environment.deploy_node.name, "", "deploy")]
    places += [(member.host.name, member.stage, member.role) for member in environment.members()]
    problems: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.weight is not Weight.TOLD:
            problems.setdefault(finding.host, []).append(finding.message)
    for host, why in record.left_behind.items():
        problems.setdefault(host, []).insert(0, f"left behind: {why}")
    return tuple(
        HostStatus(
            host=host,
            stage=stage,
            role=role,
            installed=report.installed.get(host, ""),
            serving=report.serving.get(host, ""),
            problem="; ".join(problems.get(host, ())),
        )
        for host, stage, role in places
    )
