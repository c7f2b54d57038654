"""How a deploy looks on a terminal, and in a log: progress bars there, one plain line for each event here."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from takeoff.commands.console import console, say

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from takeoff.core.task_ids import TaskSpec
    from takeoff.engine.preflight import Preflight
    from takeoff.engine.task_result import TaskResult

ENDS = frozenset({"changed", "unchanged", "failed", "unreachable", "left behind", "in service"})
"""Steps after which a host counts as done with in a bar."""


class DeployProgress:
    """Shows a deploy: the engine's ``Progress`` and ``Watcher`` at once.

    Attributes:
        task: the task that runs; None between two, and before the first.
    """

    def __init__(self) -> None:
        self.task: TaskSpec | None = None
        self._moving: dict[str, str] = {}
        self._bars: Progress | None = None
        self._bar: TaskID | None = None
        self._done: set[str] = set()
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[now]}"),
                console=console(),
                transient=True,
            )
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    @property
    def in_flight(self) -> tuple[str, ...]:
        """Name the hosts that have begun in this task and have not come to its end."""
        return tuple(sorted(self._moving))

    def host(self, host: str, step: str, detail: str = "") -> None:
        """Tell that a host has come to a step."""
        if step in ENDS:
            self._moving.pop(host, None)
        else:
            self._moving[host] = step
        told = f"{host}: {step}{f' ({detail})' if detail else ''}"
        if self._bars is None or self._bar is None:
            self._print(f"  {told}")
            return
        if step in ENDS:
            self._done.add(host)
            self._print(f"  {told}")
        self._bars.update(self._bar, completed=len(self._done), now=told)

    def line(self, text: str) -> None:
        """Tell anything else, one line."""
        self._print(f"  {text}")

    def tell(self, text: str) -> None:
        """Tell what the operator asked for just now."""
        self._print(text)

    def found(self, looked: Preflight) -> None:
        """Show what preflight found."""
        self._print(f"preflight: {looked.sentence}")
        for finding in looked.findings:
            if finding.weight.value != "blocks":
                self._print(f"  {finding.weight.value}: {finding.sentence()}")

    def begins(self, task: TaskSpec, hosts: int) -> None:
        """Show that a task begins."""
        from takeoff.core.counting import counted

        self.task, self._moving = task, {}
        self._began = time.monotonic()
        self._done = set()
        if self._bars is None:
            self._print(f"{task.id}: {counted(hosts, 'host')}" if hosts else task.id)
        else:
            self._bar = self._bars.add_task(task.id, total=hosts or None, now="")

    def skipped(self, task: TaskSpec) -> None:
        """Show that a task was done before."""
        self._print(f"{task.id}: done before")

    def ended(self, task: TaskSpec, result: TaskResult) -> None:
        """Show what a task did."""
        self.task, self._moving = None, {}
        if self._bars is not None and self._bar is not None:
            self._bars.remove_task(self._bar)
            self._bar = None
        self._print(f"{task.id}: {result.summary} ({time.monotonic() - self._began:.0f} s)")

    def _print(self, text: str) -> None:
        if self._bars is None:
            say(text)
        else:
            self._bars.console.print(text, markup=False)
