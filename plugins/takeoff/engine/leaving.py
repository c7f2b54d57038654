"""Work that whoever runs this process leaves in the middle: noted in the journal and not failed, because it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from takeoff.core.errors import Halted, TakeoffError
from takeoff.core.journal_entries import Noted
from takeoff.core.operation import Operation
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.journal_entry import decide
from takeoff.engine.session import Session


@asynccontextmanager
async def noted_when_left(session: Session, operation: Operation, task: TaskSpec) -> AsyncIterator[None]:
    """Work on a task that is cancelled if it cannot end soon and a stop is asked for.

    What had begun on a host (a download, a migration) goes on there, as does a pipeline; so the task is not recorded
    as failed: what runs must not look as if it had ended.

    Raises:
        Halted: it was left.
    """
    try:
        yield
    except asyncio.CancelledError:
        halt, current = session.stop.halt_of(operation), asyncio.current_task()
        if halt is None or session.stop.at_once or current is None:
            raise
        current.uncancel()
        halted = Halted(
            f"{task.id} was left by {halt.by} ({halt.reason}): what it has begun goes on without us, and the next try "
            f"attaches to it; {halt.then}"
        )
        await note_halted(session, halted, halt.by)
        raise halted from None


async def note_halted(session: Session, halted: Halted, by: str) -> None:
    """Note in the journal that a task was left or not begun; where it cannot be told, the error says so."""
    try:
        await decide(session, lambda record: [Noted(text=str(halted))], by=by)
    except TakeoffError as silence:
        halted.add_note(f"the journal could not be told: {silence}")
