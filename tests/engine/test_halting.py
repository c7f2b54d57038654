"""A pause that stops the open operation: which one, from when on, and what it lets go on."""

from __future__ import annotations

from typing import Literal

import pytest

from takeoff.core.errors import Halted, Superseded
from takeoff.core.operation import OperationKind
from takeoff.core.rollout_rules import Halt
from takeoff.core.task_ids import TaskKind, TaskSpec
from takeoff.engine.drivers import new_driver
from takeoff.engine.halting import HaltAsked
from takeoff.engine.holds import pause, resume
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.session import Session
from takeoff.engine.tasks import run_task
from tests.engine.sessions import opened

ROLLOUT = TaskSpec("main.web", TaskKind.ROLLOUT, "main", "web")


@pytest.mark.parametrize("after", ["host", "batch"])
async def test_a_pause_that_says_so_stops_the_open_operation(session: Session, after: Literal["host", "batch"]) -> None:
    part = OperationPart.of(session, await opened(session))
    assert await HaltAsked(part)() is None
    await pause(session, by="omar", reason="incident 12", stop_after=after)
    then = "`takeoff resume lab`, then try the task again"
    assert await HaltAsked(part)() == Halt(by="omar", reason="incident 12", after=after, then=then)
    await resume(session, by="omar")
    assert await HaltAsked(part)() is None


async def test_an_ordinary_pause_lets_the_open_operation_go_on(session: Session) -> None:
    part = OperationPart.of(session, await opened(session))
    await pause(session, by="omar", reason="maintenance")
    assert await HaltAsked(part)() is None


async def test_a_pause_stops_no_operation_that_opens_after_it(session: Session) -> None:
    await pause(session, by="omar", reason="incident 12", stop_after="host")
    part = OperationPart.of(session, await opened(session, kind=OperationKind.ROLLBACK))
    assert await HaltAsked(part)() is None


async def test_no_further_task_of_a_stopped_operation_begins_and_the_journal_tells_why(session: Session) -> None:
    lease = await opened(session)
    await pause(session, by="omar", reason="incident 12", stop_after="batch")
    with pytest.raises(Halted, match=r"main.web was not begun: lab-1 was stopped by omar \(incident 12\)"):
        await run_task(session, lease.operation.id, ROLLOUT, new_driver("main.web", "maria"))
    record = await session.journal.read()
    assert record.operations["lab-1"].tasks["main.web"].state == "failed"
    assert record.open_operation is not None


async def test_rule_1_a_rollout_whose_driver_was_superseded_hears_it_before_its_next_host(session: Session) -> None:
    part = OperationPart.of(session, await opened(session))
    await OperationPart.join(session, part.operation.id, new_driver("main.web", "maria"))
    with pytest.raises(Superseded):
        await HaltAsked(part)()
