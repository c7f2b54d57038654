"""How a check (QA, alerts) takes part in an operation: as its driver, with its begin and its verdict in the journal.

A check changes no host, so its epoch is not announced to them. It may wait for hours without a process; each process
that goes on with it is a driver of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from takeoff.core.environment import Environment
from takeoff.core.errors import Superseded, TakeoffError
from takeoff.core.journal_entries import EntryBody, TaskFailed, TaskFinished, TaskStarted
from takeoff.core.operation import Driver, Lease, Operation
from takeoff.core.record import OperationRecord, Record, TaskState
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.session import Session
from takeoff.engine.tasks import TaskResult
from takeoff.fleet.protocols import JournalMoved


class Check:
    """One process's part in a check.

    Args:
        session: the environment.
        lease: as this process was given it.
        task: which check.
        record: the journal, read since.
    """

    def __init__(self, session: Session, lease: Lease, task: TaskSpec, record: Record) -> None:
        self.session = session
        self.task = task
        self.operation: Operation = lease.operation
        self._lease = lease
        self._record = record
        self.before: TaskState | None = self.state
        """What the journal said of this check when this process joined it; None if it had never begun."""

    @property
    def stage(self) -> str:
        """The stage that is checked."""
        return stage_of(self.session.environment, self.task)

    @property
    def operation_record(self) -> OperationRecord:
        """What the journal says of the operation."""
        return self._record.operations[self.operation.id]

    @property
    def state(self) -> TaskState | None:
        """What the journal says of this check now."""
        return self.operation_record.tasks.get(self.task.id)

    async def tell(self, *bodies: EntryBody) -> None:
        """Append to the journal, unless the operation is over or another driver has taken over.

        Raises:
            Superseded: one of the two.
            HostUnreachable: the authority gives no answer.
        """
        while True:
            found = self.operation_record
            if found.outcome is not None or found.epoch > self._lease.epoch:
                raise Superseded(
                    f"operation {self.operation.id} is {found.outcome or 'driven by ' + found.driver.name} meanwhile: "
                    f"{self.task.id} stops here and changes nothing"
                )
            try:
                self._record = await self.session.journal.append(
                    *bodies,
                    by=self._lease.driver.by,
                    after=self._record,
                    operation=self.operation.id,
                    epoch=self._lease.epoch,
                )
            except JournalMoved:
                self._record = await self.session.journal.read()
            else:
                return

    async def finish(self, summary: str) -> TaskResult:
        """Record that the check passed."""
        await self.tell(TaskFinished(task=self.task.id, seconds=self._seconds(), summary=summary))
        return TaskResult(summary=summary)

    async def fail(self, error: str) -> None:
        """Record that the check did not pass."""
        await self.tell(TaskFailed(task=self.task.id, seconds=self._seconds(), error=error))

    def _seconds(self) -> float:
        since = self.state.at if self.state else self.session.clock.now()
        return round((self.session.clock.now() - since).total_seconds(), 1)


def stage_of(environment: Environment, task: TaskSpec) -> str:
    """Name the stage that a check is about: after a rollback, whose checks have none of their own, the last one."""
    return task.stage or environment.stages[-1].name


@asynccontextmanager
async def joined_check(
    session: Session, operation_id: str, task: TaskSpec, driver: Driver, *, begin: bool
) -> AsyncIterator[Check]:
    """Become a check's driver; an error inside is journalled as its failure.

    Args:
        session: the environment.
        operation_id: which operation it belongs to.
        task: which check.
        driver: this process.
        begin: this is a try's begin, not its going on after a wait.

    Raises:
        Superseded: the operation is closed, or another driver has taken over.
        HostUnreachable: the authority gives no answer.
    """
    lease = await session.leases.drive(operation_id, driver)
    check = Check(session, lease, task, await session.journal.read())
    if begin:
        await check.tell(TaskStarted(task=task.id))
    try:
        yield check
    except Superseded:
        raise
    except TakeoffError as error:
        with suppress(TakeoffError):  # The cause is told also where the journal cannot be.
            await check.fail(str(error))
        raise
