"""How a check (QA, alerts) takes part in an operation: as its driver, with its begin and its verdict in the journal.

A check changes no host, so its epoch is not announced to them. It may wait for hours without a process; each process
that goes on with it is a driver of its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from takeoff.core.environment import Environment
from takeoff.core.errors import Superseded, TakeoffError
from takeoff.core.journal_entries import TaskFailed, TaskFinished, TaskStarted
from takeoff.core.operation import Driver, OperationKind
from takeoff.core.record import OperationRecord
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult


@dataclass(frozen=True)
class Check:
    """One process's part in a check.

    Attributes:
        part: its part in the operation.
        task: which check.
        before: what the journal said of the operation when this process joined it.
    """

    part: OperationPart
    task: TaskSpec
    before: OperationRecord

    @property
    def stage(self) -> str:
        """The stage that is checked."""
        return stage_of(self.part.session.environment, self.task)

    @property
    def judged_before(self) -> bool:
        """Whether an earlier try of this check ended with an error."""
        state = self.before.tasks.get(self.task.id)
        return state is not None and state.state == "failed"

    async def finish(self, summary: str, **facts: Any) -> TaskResult:
        """Record that the check passed, with what later readers need beside the sentence.

        Raises:
            Superseded: the operation is over, or another driver has taken over.
            HostUnreachable: the authority gives no answer.
        """
        ended = TaskFinished(task=self.task.id, seconds=self._seconds(), summary=summary, facts=facts)
        await self.part.finished(ended)
        return TaskResult(summary=summary, facts=facts, journalled=True)

    async def fail(self, error: TakeoffError) -> None:
        """Record that the check did not pass; where the journal cannot be told, the error says so.

        After post-deploy migrations the error says too what of them stands, and that the environment waits.
        """
        if self.part.operation.kind is OperationKind.POST_DEPLOY:
            error.args = (f"{error}; {self._waiting()}",)
        try:
            await self.part.tell(TaskFailed(task=self.task.id, seconds=self._seconds(), error=str(error)))
        except TakeoffError as silence:
            error.add_note(f"the journal could not be told: {silence}")

    def _waiting(self) -> str:
        operation = self.part.operation
        name = operation.environment
        return (
            f"the post-deploy migrations of {operation.version} themselves are done and past their point of no return, "
            f"and {operation.id} keeps the lease, so that nothing is deployed on top, until this check passes "
            f"(`{operation.again}` tries it again too) or the lease is given up (`takeoff lease {name} --release "
            "--reason …`)"
        )

    def _seconds(self) -> float:
        """Measure from the try's begin, which another process may have made."""
        now, state = self.part.session.clock.now(), self.before.tasks.get(self.task.id)
        began = state.at if state is not None and state.state == "started" else now
        return round((now - began).total_seconds(), 1)


def stage_of(environment: Environment, task: TaskSpec) -> str:
    """Name the stage that a check is about: the last one, where the check follows no stage but a whole operation."""
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
    part = await OperationPart.join(session, operation_id, driver)
    check = Check(part, task, part.still_ours(await session.journal.read()))
    if begin:
        await part.tell(TaskStarted(task=task.id))
    try:
        yield check
    except Superseded:
        raise
    except TakeoffError as error:
        await check.fail(error)
        raise
