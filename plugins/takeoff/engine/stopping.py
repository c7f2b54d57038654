"""The wish of whoever runs this process that it ends: hosts in flight are finished, nothing begins after them."""

from __future__ import annotations

from dataclasses import replace

from takeoff.core.errors import Halted
from takeoff.core.operation import Operation, OperationKind
from takeoff.core.rollout_rules import Halt
from takeoff.core.task_ids import TaskSpec


class Stop:
    """One process's wish to end; nobody's until it is asked for.

    A rollout sees it before its next host, every task before it begins. Work that cannot be finished soon (a download,
    a migration, a wait) is cancelled by whoever asks: see :func:`takeoff.engine.leaving.noted_when_left`.

    Attributes:
        halt: who wants it, and why; ``None`` as long as nobody does.
        at_once: not even the journal is told any more: a cancellation passes as it is.
    """

    def __init__(self) -> None:
        self.halt: Halt | None = None
        self.at_once = False

    def ask(self, by: str, reason: str, then: str = "") -> None:
        """Ask for it; may be called from a signal handler.

        Args:
            by: who.
            reason: why, in a word.
            then: what goes on with the work; what the command line offers if empty.
        """
        self.halt = self.halt or Halt(by=by, reason=reason, after="host", then=then)

    def halt_of(self, operation: Operation) -> Halt | None:
        """Say it as the halt of an operation, with what its operator can do next."""
        if self.halt is None or self.halt.then:
            return self.halt
        return replace(self.halt, then=what_next(operation))

    def refuse(self, operation: Operation, task: TaskSpec) -> None:
        """Let a task not begin once it is asked for.

        Raises:
            Halted: it is.
        """
        if halt := self.halt_of(operation):
            raise Halted(
                f"{task.id} was not begun: {operation.id} was stopped by {halt.by} ({halt.reason}); {halt.then}"
            )


def what_next(operation: Operation) -> str:
    """Say what an operator can do with an operation that was stopped on the command line."""
    name = operation.environment
    back = f"`takeoff rollback {name} VERSION --reason …` goes back, " if operation.kind is OperationKind.DEPLOY else ""
    return (
        f"the lease is kept: `{operation.again}` goes on, {back}`takeoff lease {name} --release --reason …` gives it up"
    )
