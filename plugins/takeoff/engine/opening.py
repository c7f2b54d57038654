"""Before a deploy changes anything: every gate and every host looked at, then the operation opened with the lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from takeoff.core.gates import WAITING, Finding, Weight
from takeoff.core.operation import Driver, Lease, Stored
from takeoff.core.record import OperationRecord, Record
from takeoff.engine.session import Session


@dataclass(frozen=True)
class DeployRequest:
    """A deploy that is wanted.

    Attributes:
        version: full package version, as a source holds it.
        by: who asked: Airflow user, chat user, ``user@machine``, or ``schedule``.
        reason: why, in their words.
        automatic: nobody asked: the schedule or an event did.
        run: ``<dag id>/<run id>``; empty for the command line.
        run_url: where to look at that run.
        skips: gate → reason.
    """

    version: str
    by: str
    reason: str = ""
    automatic: bool = False
    run: str = ""
    run_url: str = ""
    skips: Mapping[str, str] = field(default_factory=dict)


class Preflight(Stored):
    """What was found before a deploy.

    Attributes:
        version: what shall be deployed.
        deployed: what the journal says the fleet runs.
        findings: of gates first, then of hosts in rollout order.
        hosts: how many hosts were looked at.
    """

    version: str
    deployed: str
    findings: tuple[Finding, ...]
    hosts: int

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """What forbids the deploy."""
        return tuple(finding for finding in self.findings if finding.weight is Weight.BLOCKS)

    @property
    def only_waits(self) -> bool:
        """Whether it is blocked, and only by gates that ask to wait: no fault that a person must repair."""
        return bool(self.blockers) and all(finding.gate in WAITING for finding in self.blockers)

    def refuse(self) -> None:
        """Raise what forbids the deploy, all of it in one message.

        Raises:
            Refused: named after the first gate that blocks.
        """
        raise NotImplementedError


async def preflight(session: Session, request: DeployRequest) -> Preflight:
    """Look at every gate and every host; change nothing.

    Args:
        session: the environment.
        request: the deploy; its skips are marked in the findings.

    Returns:
        All findings at once; ``refuse()`` raises if any blocks.

    Raises:
        VersionError: no source holds that version.
        SourceUnavailable: a source, GitLab or another asked system gave no answer (unknown is not good).
    """
    raise NotImplementedError


async def open_deploy(session: Session, request: DeployRequest, driver: Driver) -> Lease:
    """Take the lease and open the operation in one step, the hold looked at again in it; tell all hosts the epoch.

    Safe to run again: while the operation that this request's ``run`` opened is open, its driver is renewed and it is
    returned.

    Returns:
        The lease; ``lease.operation.id`` is what the later tasks are given.

    Raises:
        LeaseHeld: another operation is open.
        Refused: held, rejected, or left behind meanwhile (``refused.name in WAITING`` tells the quiet ones).
        Superseded: the operation of this run is closed.
    """
    raise NotImplementedError


def operation_of_run(record: Record, run: str) -> OperationRecord | None:
    """Find the operation that an Airflow run opened, the newest if several; None before it opened one."""
    mine = [one for one in record.operations.values() if run and one.details.run == run]
    return mine[-1] if mine else None
