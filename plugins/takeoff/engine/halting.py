"""A person's wish that an operation stops with no host in flight: in the journal with the pause, or this process's."""

from __future__ import annotations

from takeoff.core.errors import Halted
from takeoff.core.record import Record
from takeoff.core.rollout_rules import Halt
from takeoff.core.task_ids import TaskKind, TaskSpec
from takeoff.engine.operation_part import OperationPart

ASK_S = 2.0
"""How old the journal's word may be."""

STOPPABLE = (TaskKind.PENDING_POST_DEPLOY, TaskKind.WARMUP, TaskKind.MIGRATIONS, TaskKind.ROLLOUT)
"""Tasks that do not begin once the operation is to stop; a rollout that runs stops between two hosts."""

MIGRATING = (TaskKind.PENDING_POST_DEPLOY, TaskKind.MIGRATIONS, TaskKind.POST_DEPLOY)


class HaltAsked:
    """Asks whether an operation is to stop: the journal, at most once in ``ASK_S``, and whoever runs this process."""

    def __init__(self, part: OperationPart) -> None:
        self._part = part
        self._asked_at = float("-inf")
        self._halt: Halt | None = None

    async def __call__(self) -> Halt | None:
        """Say who wants it, and why.

        Raises:
            Superseded: the operation is over, or another driver has taken over.
            HostUnreachable: the authority gives no answer: whether anybody wants it is not known.
        """
        clock = self._part.session.clock
        if clock.monotonic() - self._asked_at >= ASK_S:
            asked_at = clock.monotonic()
            record = await self._part.session.journal.read()
            self._part.still_ours(record)
            self._halt, self._asked_at = halt_of(self._part, record), asked_at
        return self._part.session.stop.halt_of(self._part.operation) or self._halt


def halt_of(part: OperationPart, record: Record) -> Halt | None:
    """Find in a record whether the operation is to stop."""
    hold = record.hold
    if hold is None or hold.stops != part.operation.id or not hold.active(part.session.clock.now()):
        return None
    return Halt(
        by=hold.by,
        reason=hold.reason,
        after="batch" if hold.stop_after == "batch" else "host",
        then=f"`takeoff resume {part.session.environment.name}`, then try the task again",
    )


async def may_migrate_already(part: OperationPart, task: TaskSpec) -> bool:
    """Say whether an earlier try of a task may have left migrations running: asked before this try is recorded."""
    if task.kind not in MIGRATING:
        return False
    state = part.still_ours(await part.session.journal.read()).tasks.get(task.id)
    return state is not None and state.state == "started"


async def refuse_halted(part: OperationPart, task: TaskSpec) -> None:
    """Let no further task that changes hosts begin in an operation that is to stop.

    Not for migrations that may run already: told as failed, they would look as if they had ended.

    Raises:
        Halted: it is to stop.
    """
    part.session.stop.refuse(part.operation, task)
    if task.kind not in STOPPABLE or (halt := halt_of(part, await part.session.journal.read())) is None:
        return
    raise Halted(f"{task.id} was not begun: {part.operation.id} was stopped by {halt.by} ({halt.reason}); {halt.then}")
