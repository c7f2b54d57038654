"""Whether a rollback to a version is possible, and why not: from the record alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from takeoff.core.environment import Environment
from takeoff.core.errors import VersionError
from takeoff.core.gates import Finding, Weight
from takeoff.core.operation import OperationKind, Stored
from takeoff.core.record import NoReturn, Record
from takeoff.core.record_gates import some, unadopted
from takeoff.core.task_ids import POST_DEPLOY
from takeoff.core.versions import PackageVersion

NEVER_DEPLOYED = "never_deployed"
NO_RETURN = "point_of_no_return"
NOT_OLDER = "not_older"
MIGRATING = "migrating"


class Verdict(Stored):
    """What ``takeoff plan ENV VERSION --rollback --json`` begins with.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        environment: its name.
        version: the target.
        from_version: what is left: the version of the open deploy, or the deployed one.
        reachable: whether nothing forbids it.
        refusals: what forbids it, each by name, as ``--force`` takes it, and what is worth knowing.
        targets: versions that a rollback reaches now, the most natural one first.
        ends: id of the open operation that the rollback would end; empty if none is open.
    """

    schema_version: Literal[1] = 1
    environment: str
    version: str
    from_version: str
    reachable: bool
    refusals: tuple[Finding, ...]
    targets: tuple[str, ...]
    ends: str = ""


def rollback_verdict(record: Record, environment: Environment, version: str) -> Verdict:
    """Judge a rollback to a version.

    Args:
        record: the journal's.
        environment: the environment.
        version: the target, in full.
    """
    refusals = tuple(_refusals(record, environment, version))
    holder = record.open_operation
    return Verdict(
        environment=environment.name,
        version=version,
        from_version=_left(record),
        reachable=not any(finding.weight is Weight.BLOCKS for finding in refusals),
        refusals=refusals,
        targets=reachable_versions(record),
        ends=holder.details.id if holder is not None else "",
    )


def reachable_versions(record: Record) -> tuple[str, ...]:
    """List the versions that a rollback reaches now, the last one that the whole fleet ran first."""
    ran = dict.fromkeys(deployed.version for deployed in reversed(record.deployed))
    left = _left(record)
    return tuple(version for version in ran if version != left and _forbidding(record, version) is None)


def _refusals(record: Record, environment: Environment, version: str) -> Iterator[Finding]:
    if not record.authority:
        yield unadopted(environment)
        return
    holder, targets = record.open_operation, reachable_versions(record)
    reachable = f"a rollback reaches {', '.join(targets)}" if targets else "no rollback is possible"
    if holder is not None:
        details, migration = holder.details, holder.tasks.get(POST_DEPLOY)
        if details.kind is OperationKind.POST_DEPLOY and migration is not None and migration.state == "started":
            yield Finding(
                gate=MIGRATING,
                message=f"{details.id} runs the post-deploy migrations of {details.version}, which are never abandoned",
                since=migration.at,
                by=details.requested_by,
                lifts="wait until they have ended",
            )
        else:
            ended = f"{details.id} ({details.kind.value} of {details.version}) is open and would be ended by it"
            yield Finding(gate="lease", weight=Weight.TOLD, message=ended, since=details.opened_at)
    if version not in (deployed.version for deployed in record.deployed):
        yield Finding(gate=NEVER_DEPLOYED, message=f"{version} never ran on the whole fleet", lifts=reachable)
    if (point := _forbidding(record, version)) is not None:
        yield Finding(
            gate=NO_RETURN,
            message=f"post-deploy migrations of {point.version} began ({some(point.names)}): {version} does not run on "
            f"the database any more",
            since=point.at,
            by=point.by,
            lifts=reachable,
        )
    if version == _left(record):
        yield Finding(gate=NOT_OLDER, message=f"{version} is what the fleet runs", lifts=reachable)


def _left(record: Record) -> str:
    """The version that a rollback leaves."""
    holder = record.open_operation
    if holder is not None and holder.details.kind in (OperationKind.DEPLOY, OperationKind.ROLLBACK):
        return holder.details.version
    return record.deployed_version


def _forbidding(record: Record, version: str) -> NoReturn | None:
    """Find the newest point of no return that a version lies before."""
    passed = [point for point in record.points_of_no_return if _before(record, version, point)]
    return passed[-1] if passed else None


def _before(record: Record, version: str, point: NoReturn) -> bool:
    if version == point.version:
        return False
    try:
        target, migrated = PackageVersion.parse(version), PackageVersion.parse(point.version)
        if target.comparable_with(migrated):
            return target < migrated
    except VersionError:
        pass
    # Versions that say nothing about their order: what ran last before the migrations is older than they are.
    ran: list[datetime] = [deployed.at for deployed in record.deployed if deployed.version == version]
    return not ran or max(ran) < point.at
