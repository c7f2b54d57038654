"""Gates that the journal alone decides: looked at in preflight, and once more in the step that takes the lease."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from takeoff.core import gates
from takeoff.core.environment import Environment
from takeoff.core.errors import VersionError
from takeoff.core.freeze import Freeze
from takeoff.core.gates import Finding, Weight
from takeoff.core.record import OperationRecord, Record
from takeoff.core.strict_model import format_duration
from takeoff.core.upgrade_path import UpgradeRule
from takeoff.core.versions import PackageVersion

NAMED = 3
"""Migrations or hosts that a sentence names; the rest is counted."""


def record_findings(record: Record, environment: Environment, version: str, now: datetime) -> tuple[Finding, ...]:
    """Find what the journal says about deploying a version now.

    Args:
        record: the journal's.
        environment: the environment.
        version: what shall be deployed.
        now: in UTC.
    """
    return tuple(_findings(record, environment, version, now))


def opening_findings(record: Record, environment: Environment, version: str, now: datetime) -> tuple[Finding, ...]:
    """Find what the journal says in the step that takes the lease; whether that is free, the lease itself tells."""
    found = record_findings(record, environment, version, now)
    return tuple(finding for finding in found if finding.gate != gates.LEASE)


def post_deploy_findings(record: Record, environment: Environment, version: str, now: datetime) -> tuple[Finding, ...]:
    """Find what the journal says about running the pending post-deploy migrations of a version now."""
    return tuple(_post_deploy_findings(record, environment, version, now))


def _post_deploy_findings(record: Record, environment: Environment, version: str, now: datetime) -> Iterator[Finding]:
    name = environment.name
    if not record.authority:
        yield unadopted(environment)
        return
    if version != record.deployed_version:
        message = f"the fleet runs {record.deployed_version or 'nothing recorded'}, not {version}: this is superseded"
        yield Finding(gate="superseded", message=message, lifts="the newer deploy asks for all that is pending then")
    if record.hold is not None and record.hold.active(now):
        # Whatever the pause is for, a rollback may follow, and these migrations would take it away.
        yield paused_finding(record, name)
    if (why := record.rejected.get(version)) is not None:
        yield Finding(gate=gates.REJECTED, message=f"{version} was rejected: {why}")
    if record.left_behind:
        yield left_behind_finding(record, name, Weight.BLOCKS)


def _findings(record: Record, environment: Environment, version: str, now: datetime) -> Iterator[Finding]:
    name = environment.name
    if not record.authority:
        yield unadopted(environment)
        return
    if record.open_operation is not None:
        yield lease_finding(record.open_operation, name)
    if record.hold is not None and record.hold.active(now):
        yield paused_finding(record, name)
    if (deployed := record.deployed_version) and _is_older(version, deployed):
        message = f"{version} is older than the deployed {deployed}: only a rollback takes a fleet back"
        yield Finding(gate=gates.DOWNGRADE, message=message, lifts=f"`takeoff plan {name} {version} --rollback` tells")
    if (why := record.rejected.get(version)) is not None:
        lifts = f"deploy a newer version, or pass it: --skip {gates.REJECTED}=REASON"
        yield Finding(gate=gates.REJECTED, message=f"{version} was rejected: {why}", lifts=lifts)
    if record.pending is not None:
        yield from _pending_findings(record, environment, version, now)
    if record.left_behind:
        blocks = environment.post_deploy == "next_deploy" and record.pending is not None
        yield left_behind_finding(record, name, Weight.BLOCKS if blocks else Weight.TOLD)


def unadopted(environment: Environment) -> Finding:
    """Find that nothing is recorded of the environment yet."""
    return Finding(
        gate=gates.AUTHORITY,
        message=f"{environment.deploy_node.name} has no journal of {environment.name}",
        lifts=f"`takeoff adopt {environment.name}` at the first use; if there was one, `takeoff journal "
        f"{environment.name} --restore` brings it back, to another node `takeoff lease {environment.name} --move`",
    )


def lease_finding(holder: OperationRecord, environment: str) -> Finding:
    """Find that another operation is open."""
    details = holder.details
    failed = [task for task, state in holder.tasks.items() if state.state == "failed"]
    stopped = f", stopped at {failed[-1]}" if failed else ""
    again = f"retry its run {details.run}" if details.run else f"`{details.again}`"
    return Finding(
        gate=gates.LEASE,
        message=f"{details.id} ({details.kind.value} of {details.version}) holds the lease{stopped}",
        since=details.opened_at,
        by=details.requested_by,
        lifts=f"{again}, or give it up: `takeoff lease {environment} --release --reason …`",
    )


def paused_finding(record: Record, environment: str) -> Finding:
    """Find that deploys are held."""
    hold = record.hold
    if hold is None:
        raise ValueError("the record has no hold")
    until = f" until {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else ""
    return Finding(
        gate=gates.PAUSED,
        message=f"deploys are paused{until}: {hold.reason}",
        since=hold.since,
        by=hold.by,
        lifts=f"`takeoff resume {environment}`, or --skip {gates.PAUSED}=REASON",
    )


def left_behind_finding(record: Record, environment: str, weight: Weight) -> Finding:
    """Find that hosts are not on the recorded version."""
    return Finding(
        gate=gates.LEFT_BEHIND,
        weight=weight,
        message=f"left behind: {some(f'{host} ({why})' for host, why in record.left_behind.items())}",
        lifts=f"repair them, then `takeoff converge {environment}`",
    )


def freeze_findings(freezes: list[Freeze], gate: str) -> Iterator[Finding]:
    """Find that now lies in a freeze; the one that ends last says when it is over."""
    for freeze in freezes[:1]:
        yield Finding(
            gate=gate,
            message=f"frozen by {freeze.name!r} until {freeze.until:%Y-%m-%d %H:%M} UTC",
            since=freeze.since,
            lifts=f"wait until then, or --skip {gate}=REASON",
        )


def _pending_findings(record: Record, environment: Environment, version: str, now: datetime) -> Iterator[Finding]:
    if (pending := record.pending) is None:
        return
    limit, age = environment.gates.post_deploy_pending, now - pending.since
    why = []
    if limit is not None and age > limit:
        why.append(f"longer than gates.post_deploy_pending ({format_duration(limit)}) allows")
    if stop := _stop_left(environment, pending.version, version):
        why.append(f"and {version} leaves {stop}, a required stop of the upgrade path, before which they must run")
    first = environment.post_deploy == "next_deploy"
    yield Finding(
        gate=gates.POST_DEPLOY_PENDING,
        weight=Weight.BLOCKS if why and not first else Weight.TOLD,
        message=", ".join((f"post-deploy migrations of {pending.version} have not run", *why))
        + f": {some(pending.names)}",
        since=pending.since,
        lifts="they are this deploy's first step" if first else f"`takeoff post-deploy {environment.name}`",
    )


def _stop_left(environment: Environment, migrated: str, version: str) -> str:
    package = environment.package
    try:
        before, wanted = PackageVersion.parse(migrated), PackageVersion.parse(version)
    except VersionError:
        return ""
    return UpgradeRule(package.upgrade_path, package.name).stop_left(before, wanted)


def _is_older(version: str, deployed: str) -> bool:
    try:
        wanted, now = PackageVersion.parse(version), PackageVersion.parse(deployed)
    except VersionError:
        return False
    return wanted.comparable_with(now) and wanted < now


def some(names: Iterator[str] | tuple[str, ...]) -> str:
    """Name the first few, and count the rest."""
    every = tuple(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more
