"""Converge: hosts that were left behind, rebuilt or changed by hand are brought to the recorded version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from takeoff.core.counting import counted
from takeoff.core.environment import Environment
from takeoff.core.errors import ConfigError, Refused, VersionError
from takeoff.core.gates import refuse
from takeoff.core.operation import OperationKind
from takeoff.core.preflight_report import HostsReport
from takeoff.core.record import OperationRecord, Record
from takeoff.core.record_gates import unadopted
from takeoff.core.task_ids import LEASE, converge_tasks
from takeoff.core.versions import PackageVersion
from takeoff.engine.carrying_out import Watcher, carry_out, unfinished
from takeoff.engine.drivers import new_driver
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.packages import find_version
from takeoff.engine.preflight import Preflight
from takeoff.engine.requested import draft_of
from takeoff.engine.session import Session
from takeoff.fleet.host_preflight import look_at_hosts

DRAINED = "DRAIN"
"""State of a server that somebody took out and did not put back; a person's ``maint`` is respected, this is not."""


@dataclass(frozen=True)
class ConvergeRequest:
    """A converge that is wanted.

    Attributes:
        by: who asked: ``user@machine``.
        hosts: which hosts; all that are not as recorded if empty.
        reason: why, in their words.
        automatic: nobody asked.
        run: ``<dag id>/<run id>``; empty for the command line.
        run_url: where to look at that run.
    """

    by: str
    hosts: tuple[str, ...] = ()
    reason: str = ""
    automatic: bool = False
    run: str = ""
    run_url: str = ""


async def converge(session: Session, request: ConvergeRequest, watcher: Watcher) -> str:
    """Bring hosts to the recorded version and back into service, or go on with the converge that is open.

    No skew rule is asked: the mix is there already, and every host that moves makes it smaller. A pause does not
    stop it, because a person asked and no new version comes.

    Args:
        session: the environment.
        request: what is wanted.
        watcher: is told of every task.

    Returns:
        Id of the operation; empty if every host is as recorded: nothing was opened.

    Raises:
        ConfigError: a host is not in the environment, or another converge is open.
        VersionError: no source holds the recorded version any more.
        LeaseHeld: another operation is open.
        Refused: a host is not fit for it, or has a newer version.
        TakeoffError: a task failed; the operation stays open, and the same command goes on there.
    """
    record = await session.journal.read()
    _check_hosts(session, request.hosts)
    holder = record.open_operation
    if holder is not None and holder.details.kind is OperationKind.CONVERGE:
        check_same(holder, request.hosts)
        operation_id, hosts = holder.details.id, holder.details.converging
        tasks = converge_tasks(session.environment, hosts)
        left = unfinished(tasks, holder)
    else:
        opened = await _open(session, record, request, watcher)
        if opened is None:
            return ""
        operation_id, hosts = opened.operation.id, opened.operation.converging
        left = tasks = converge_tasks(session.environment, hosts)
        version = opened.operation.version
        session.progress.line(f"{operation_id} is open: {', '.join(hosts)} to the recorded {version}")
    for task in tasks:
        if task in left:
            await carry_out(session, operation_id, task, request.by, watcher, hosts=hosts)
        else:
            watcher.skipped(task)
    return operation_id


def hosts_to_converge(environment: Environment, record: Record, report: HostsReport) -> tuple[str, ...]:
    """Choose the hosts that are not as recorded: left behind, on another version or unknown, or left drained."""
    return tuple(
        member.host.name
        for member in environment.members()
        if member.host.name in record.left_behind
        or report.installed.get(member.host.name) != record.deployed_version
        or report.serving.get(member.host.name) == DRAINED
    )


async def _open(session: Session, record: Record, request: ConvergeRequest, watcher: Watcher) -> OperationPart | None:
    environment, version = session.environment, record.deployed_version
    if not record.authority:
        refuse([unadopted(environment)], f"converge {environment.name}")
    if not version:
        raise Refused("version", f"{environment.name} has no recorded version: `takeoff deploy` gives it one first")
    found = await find_version(session, version)

    async def look(hosts: Sequence[str]) -> HostsReport:
        behind = tuple(host for host in record.left_behind if host not in hosts)
        return await look_at_hosts(
            session.fleet, version=version, artifacts=found.artifacts, left_behind=behind, converging=hosts
        )

    seen = await look(request.hosts)
    chosen = request.hosts or hosts_to_converge(environment, record, seen)
    if not request.hosts:
        seen = await look(chosen) if chosen else seen
    looked = Preflight(
        environment=environment.name,
        version=version,
        deployed=version,
        findings=seen.findings,
        hosts=len(seen.looked_at),
    )
    watcher.found(looked)
    if not chosen:
        return None
    wanted = f"bring {', '.join(chosen)} to {version}"
    refuse(looked.findings, wanted)
    refuse_newer(chosen, version, seen, environment.name)
    draft = draft_of(
        session,
        request,
        OperationKind.CONVERGE,
        version,
        {},
        artifacts=found.artifacts,
        versions_before=seen.installed,
        converging=chosen,
    )

    def check(now: Record) -> None:
        if now.deployed_version != version:
            raise Refused(
                "version",
                f"cannot {wanted}: the recorded version has become {now.deployed_version} meanwhile; run it again",
            )

    part = OperationPart.of(session, await session.leases.open(draft, new_driver(LEASE, request.by), check=check))
    await part.announce()
    return part


def _check_hosts(session: Session, hosts: Sequence[str]) -> None:
    environment = session.environment
    known = [member.host.name for member in environment.members()]
    for host in hosts:
        if host == environment.deploy_node.name:
            raise ConfigError(
                f"{host} is the blessed node of {environment.name}: only the next deploy installs there, before it "
                "migrates; converge is for the hosts of the stages"
            )
        if host not in known:
            raise ConfigError(
                f"{environment.name} has no host {host!r} in its stages, which have {counted(len(known), 'host')}: "
                f"{', '.join(known)}"
            )


def check_same(holder: OperationRecord, hosts: Sequence[str]) -> None:
    """Look whether the open converge is the one that is wanted.

    Raises:
        ConfigError: it is about other hosts.
    """
    details = holder.details
    if hosts and set(hosts) != set(details.converging):
        raise ConfigError(
            f"{details.id} is open and brings {', '.join(details.converging)} to {details.version}: finish it first "
            f"with `{details.again}`, or give it up with `takeoff lease {details.environment} --release --reason …`"
        )


def refuse_newer(hosts: Sequence[str], version: str, seen: HostsReport, environment: str) -> None:
    """Look whether no host would be downgraded.

    Raises:
        Refused: one has a newer version than the recorded one; names each.
    """
    newer = [f"{host} has {seen.installed[host]}" for host in hosts if _is_newer(seen.installed.get(host), version)]
    if newer:
        raise Refused(
            "downgrade",
            f"cannot take hosts back to the recorded {version}: {', '.join(newer)}; only a rollback downgrades: deploy "
            f"the newer version to all of {environment}, or remove the package there and run this again",
        )


def _is_newer(installed: str | None, version: str) -> bool:
    try:
        now, recorded = PackageVersion.parse(installed or ""), PackageVersion.parse(version)
    except VersionError:
        return False
    return now.comparable_with(recorded) and now > recorded
