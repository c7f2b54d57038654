"""Tasks carried out one after the other without Airflow, with somebody who looks on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from takeoff.core.environment import Environment
from takeoff.core.errors import Halted
from takeoff.core.operation import Driver
from takeoff.core.record import OperationRecord
from takeoff.core.task_ids import FINISH, TaskKind, TaskSpec
from takeoff.engine.alerts import check_alerts
from takeoff.engine.drivers import new_driver
from takeoff.engine.leaving import note_halted, noted_when_left
from takeoff.engine.qa import check_qa
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.engine.tasks import run_task

if TYPE_CHECKING:
    from takeoff.engine.preflight import Preflight


CHECKS = {TaskKind.QA: check_qa, TaskKind.ALERTS: check_alerts}


class Watcher(Protocol):
    """Whoever looks on while tasks run."""

    def found(self, looked: Preflight) -> None:
        """Preflight is done."""
        ...

    def begins(self, task: TaskSpec, hosts: int) -> None:
        """A task begins that concerns so many hosts; 0 if it is not about hosts."""
        ...

    def skipped(self, task: TaskSpec) -> None:
        """A task was done before."""
        ...

    def ended(self, task: TaskSpec, result: TaskResult) -> None:
        """A task has done what it has to do."""
        ...


async def carry_out(
    session: Session, operation_id: str, task: TaskSpec, by: str, watcher: Watcher, *, hosts: Collection[str] = ()
) -> None:
    """Carry out one task of an open operation; raises as the task does.

    Args:
        session: the environment.
        operation_id: of the open operation.
        task: which.
        by: who asked.
        watcher: is told of it.
        hosts: those that the operation is about; all if empty.
    """
    watcher.begins(task, _hosts_of(session.environment, task, hosts))
    driver = new_driver(task.id, by)
    if task.kind in CHECKS:
        result = await _check(session, operation_id, task, driver)
    else:
        result = await run_task(session, operation_id, task, driver)
    watcher.ended(task, result)


async def _check(session: Session, operation_id: str, task: TaskSpec, driver: Driver) -> TaskResult:
    operation = (await session.journal.read()).operations[operation_id].details
    try:
        session.stop.refuse(operation, task)
    except Halted as halted:
        await note_halted(session, halted, driver.by)
        raise
    async with noted_when_left(session, operation, task):
        return await CHECKS[task.kind](session, operation_id, task, driver)


def unfinished(tasks: Sequence[TaskSpec], holder: OperationRecord) -> Sequence[TaskSpec]:
    """The first task that is not finished, and all after it."""
    for number, task in enumerate(tasks):
        state = holder.tasks.get(task.id)
        if state is None or state.state != "finished":
            return tasks[number:]
    return tasks[-1:] if tasks[-1].id == FINISH else ()


def _hosts_of(environment: Environment, task: TaskSpec, hosts: Collection[str]) -> int:
    match task.kind:
        case TaskKind.ROLLOUT:
            members = environment.members(task.stage or None, task.role)
            return sum(1 for member in members if not hosts or member.host.name in hosts)
        case TaskKind.WARMUP:
            return len(hosts or environment.fleet)
        case _:
            return 0
