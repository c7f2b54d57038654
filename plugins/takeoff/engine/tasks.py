"""Runs one task of an operation: journalled, safe to run again, refused when the operation is over."""

from __future__ import annotations

from typing import Any

from takeoff.core.operation import Driver, Stored
from takeoff.core.reports import RolloutReport
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.session import Session


class TaskResult(Stored):
    """What a task did.

    Attributes:
        summary: one line for the operator.
        report: what became of each host, for tasks that go over hosts.
        facts: what later readers need: ``{"pending": [...]}`` after migrations.
    """

    summary: str
    report: RolloutReport | None = None
    facts: dict[str, Any] = {}


async def run_task(session: Session, operation_id: str, task: TaskSpec, driver: Driver) -> TaskResult:
    """Carry out a task of kind warmup, pending_post_deploy, migrations, rollout, finish or post_deploy.

    Becomes the operation's driver first (a new epoch, told to all hosts), so that an older driver that still lives is
    refused from then on. Running a finished task again looks again and changes nothing that is as it should be.

    Args:
        session: the environment.
        operation_id: what :func:`takeoff.engine.opening.open_deploy` returned.
        task: which; ``takeoff.core.task_ids`` lists them.
        driver: this process.

    Raises:
        Superseded: the operation is closed, or another driver has taken over; says by what.
        HostUnreachable: worth another try.
        BudgetSpent, CheckFailed, CommandFailed, MigrationFailed: journalled; the operation stays open.
    """
    raise NotImplementedError
