"""Whether a rollback to a version is possible, and why not: from the record alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from takeoff.core.environment import Environment
from takeoff.core.errors import VersionError
from takeoff.core.gates import LEASE, REJECTED, Finding, Weight
from takeoff.core.operation import OperationKind, Stored
from takeoff.core.record import NoReturn, OperationRecord, Record
from takeoff.core.record_gates import some, unadopted
from takeoff.core.rollback_refusals import MIGRATING, NEVER_DEPLOYED, NO_RETURN, NOT_OLDER
from takeoff.core.task_ids import PENDING_POST_DEPLOY, POST_DEPLOY
from takeoff.core.versions import PackageVersion


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


def rollback_verdict(
    record: Record, environment: Environment, version: str, *, own: str = "", seen: Iterable[Finding] = ()
) -> Verdict:
    """Judge a rollback to a version.

    Args:
        record: the journal's.
        environment: the environment.
        version: the target, in full.
        own: id of the rollback itself, once it is open; empty before.
        seen: what a look at hosts and package sources found about it.
    """
    refusals = (*_refusals(record, environment, version, own), *seen)
    holder = _holder(record, own)
    return Verdict(
        environment=environment.name,
        version=version,
        from_version=_left(record, own),
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


def migrating_since(holder: OperationRecord) -> datetime | None:
    """Say since when post-deploy migrations run in an operation: in one of their own, or as a deploy's first step."""
    task = POST_DEPLOY if holder.details.kind is OperationKind.POST_DEPLOY else PENDING_POST_DEPLOY
    state = holder.tasks.get(task)
    return state.at if state is not None and state.state == "started" else None


def _refusals(record: Record, environment: Environment, version: str, own: str) -> Iterator[Finding]:
    if not record.authority:
        yield unadopted(environment)
        return
    holder, targets = _holder(record, own), reachable_versions(record)
    reachable = f"a rollback reaches {', '.join(targets)}" if targets else "no rollback is possible"
    if holder is not None:
        details = holder.details
        if (since := migrating_since(holder)) is not None:
            of = details.version if details.kind is OperationKind.POST_DEPLOY else record.deployed_version
            yield Finding(
                gate=MIGRATING,
                message=f"{details.id} runs the post-deploy migrations of {of}, which are never abandoned",
                since=since,
                by=details.requested_by,
                lifts="wait until they have ended; if their process died, run that task again: it finds them",
            )
        else:
            ended = f"{details.id} ({details.kind.value} of {details.version}) is open and would be ended by it"
            yield Finding(gate=LEASE, weight=Weight.TOLD, message=ended, since=details.opened_at)
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
    if version == _left(record, own):
        yield Finding(gate=NOT_OLDER, message=f"{version} is what the fleet runs", lifts=reachable)
    if (why := record.rejected.get(version)) is not None:
        yield Finding(gate=REJECTED, weight=Weight.TOLD, message=f"{version} was rejected once: {why}")


def _holder(record: Record, own: str) -> OperationRecord | None:
    """The open operation that a rollback would end, which it is not itself."""
    holder = record.open_operation
    return None if holder is None or holder.details.id == own else holder


def _left(record: Record, own: str = "") -> str:
    """The version that a rollback leaves."""
    if own:
        return record.operations[own].details.restore_from
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
