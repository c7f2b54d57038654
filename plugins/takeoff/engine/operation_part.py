"""One driver's part in an operation: its lease, the hosts that the operation pinned, and its entries in the journal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from takeoff.core.errors import Superseded
from takeoff.core.journal_entries import EntryBody, Noted, TaskFinished
from takeoff.core.operation import Driver, Lease, Operation, OperationKind, Outcome
from takeoff.core.record import OperationRecord, Record
from takeoff.core.task_ids import TaskSpec, post_deploy_tasks
from takeoff.engine.journal_entry import known_record
from takeoff.engine.session import Session
from takeoff.fleet.fencing import Fence
from takeoff.fleet.fleet import Fleet
from takeoff.fleet.protocols import JournalMoved


@dataclass(frozen=True)
class OperationPart:
    """What a task works with.

    Attributes:
        session: the environment, with the hosts that the operation pinned.
        lease: as this driver holds it.
        fleet: the same environment, for the parts that act on hosts.
        stay_s: seconds that this process stays for migrations that run; then it leaves them to themselves.
    """

    session: Session
    lease: Lease
    fleet: Fleet
    stay_s: float = math.inf

    @classmethod
    async def join(cls, session: Session, operation_id: str, driver: Driver) -> Self:
        """Become the operation's driver; from then on older drivers are refused.

        Raises:
            Superseded: the operation is closed, or never was.
            AuthorityDoubtful: the journal cannot be trusted.
            Refused: there is no journal at all.
        """
        await known_record(session, f"go on with {operation_id}")
        return cls.of(session, await session.leases.drive(operation_id, driver))

    @classmethod
    def of(cls, session: Session, lease: Lease) -> Self:
        """Act under a lease that this process has just been given."""
        pinned = session.pinned_to(lease.operation)
        return cls(session=pinned, lease=lease, fleet=pinned.fleet)

    @property
    def operation(self) -> Operation:
        """What it is a part of."""
        return self.lease.operation

    async def tell(self, *bodies: EntryBody) -> Record:
        """Append to the journal, unless the operation is over or another driver has taken over.

        Raises:
            Superseded: one of the two; nothing was appended.
            HostUnreachable: the authority gives no answer.
        """
        while True:
            record = await self.session.journal.read()
            self.still_ours(record)
            try:
                return await self.session.journal.append(
                    *bodies,
                    by=self.lease.driver.by,
                    after=record,
                    operation=self.operation.id,
                    epoch=self.lease.epoch,
                )
            except JournalMoved:
                continue

    async def finished(self, ended: TaskFinished) -> None:
        """Append a task's end; that of a post-deploy operation's last task closes the operation in the same step.

        Raises:
            Superseded: the operation is over, or another driver has taken over; nothing was appended.
            HostUnreachable: the authority gives no answer.
        """
        last = post_deploy_tasks(self.session.environment)[-1].id
        if self.operation.kind is OperationKind.POST_DEPLOY and ended.task == last:
            await self.session.leases.close(self.lease, Outcome.SUCCEEDED, by=self.lease.driver.by, bodies=(ended,))
        else:
            await self.tell(ended)

    async def migrations_attempt(self, task: TaskSpec) -> int:
        """Say which attempt of a task's migrations this try may begin, if it is not running or done already.

        One that failed is followed by another only once its failure is in the journal and a person asked for this
        try; otherwise it is told again.

        Raises:
            Superseded: the operation is over, or another driver has taken over.
        """
        told = self.still_ours(await self.session.journal.read()).failed_attempts.get(task.id, 0)
        return told + 1 if self.lease.driver.asked else max(1, told)

    def still_ours(self, record: Record) -> OperationRecord:
        """Find the operation in a record.

        Raises:
            Superseded: it is over, or another driver has taken over.
        """
        found = record.operations.get(self.operation.id)
        if found is not None and found.outcome is None and found.epoch <= self.lease.epoch:
            return found
        why = "is unknown to the journal"
        if found is not None:
            driver = f"{found.driver.name} ({found.driver.task}, asked for by {found.driver.by})"
            why = f"is over ({found.outcome.value})" if found.outcome else f"is driven by {driver} now"
        raise Superseded(
            f"operation {self.operation.id} {why}: {self.lease.driver.task} stops and changes nothing more"
        )

    async def announce(self, *, point_of_no_return: str = "") -> dict[str, str]:
        """Tell every host and balancer node this driver's epoch, and journal which could not be told.

        Returns:
            Those: host → why; an older driver that still lives may change them until they hear of this one.

        Raises:
            Superseded: a host knows a newer driver.
            AuthorityDoubtful: a host belongs to another journal.
        """
        hosts = self.session.environment.hosts()
        heard = await Fence(self.fleet.script).announce(self.lease, hosts, point_of_no_return=point_of_no_return)
        notes = [
            Noted(text=f"unfenced: could not be told epoch {self.lease.epoch}: {why}", host=host)
            for host, why in heard.unfenced.items()
        ]
        for note in notes:
            self.session.progress.line(f"{note.host}: {note.text}")
        if notes:
            await self.tell(*notes)
        return heard.unfenced
