"""The engine's own task ``main.web`` of a deploy, with lease, epochs, journal, fences and host jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from takeoff.core.operation import Driver, Outcome
from takeoff.core.reports import Result
from takeoff.core.task_ids import TaskKind, TaskSpec
from takeoff.engine.opening import DeployRequest, open_deploy
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.session import Session
from takeoff.engine.tasks import run_task

BY = "benchmark"


@asynccontextmanager
async def opened(session: Session, version: str) -> AsyncIterator[partial]:
    """Open a deploy and warm the hosts up; gives the rollout, to be called once. Afterwards the lease is given back."""
    lease = await open_deploy(session, DeployRequest(version, BY, reason="measured"), _driver("lease"))
    number = lease.operation.id
    warmup = TaskSpec("warmup", TaskKind.WARMUP)
    await run_task(session, number, warmup, _driver(warmup.id))
    yield partial(_roll, session, number)
    part = await OperationPart.join(session, number, _driver("finish"))
    await session.leases.close(part.lease, Outcome.RELEASED, by=BY)


async def _roll(session: Session, number: str) -> None:
    rollout = TaskSpec("main.web", TaskKind.ROLLOUT, "main", "web")
    done = await run_task(session, number, rollout, _driver(rollout.id))
    assert done.report
    assert len(done.report.of(Result.CHANGED)) == len(done.report.hosts), done.summary


def _driver(task: str) -> Driver:
    return Driver(name=f"{BY}:{task}", task=task, by=BY)
