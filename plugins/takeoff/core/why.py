"""Why an environment is not on the newest package: what stands in the way now, and what lifts it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from takeoff.core.environment import Environment
from takeoff.core.freeze import freezes_at
from takeoff.core.gates import FREEZE, Finding, Weight
from takeoff.core.operation import Stored
from takeoff.core.record import Record, TaskState
from takeoff.core.record_gates import freeze_findings, record_findings


class StoppedTask(Stored):
    """A task that failed and is not yet tried again.

    Attributes:
        operation: id of the operation.
        task: id of the task.
        error: what it failed with.
        at: when.
        then: what to do once it is repaired.
    """

    operation: str
    task: str
    error: str
    at: datetime
    then: str


class Why(Stored):
    """What ``takeoff why --json`` prints.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        environment: its name.
        looked_at: when.
        deployed: the version that the whole fleet ran last.
        stopped: the task that failed, if the open operation has one.
        running: the task that runs; empty if none does.
        findings: what blocks the next deploy, or is worth knowing.
        next_version: the version that would be deployed next; empty if there is none or nobody looked.
        packages: why no newer package is chosen, or why the sources could not be asked; one sentence each.
    """

    schema_version: Literal[1] = 1
    environment: str
    looked_at: datetime
    deployed: str
    stopped: StoppedTask | None = None
    running: str = ""
    findings: tuple[Finding, ...] = ()
    next_version: str = ""
    packages: tuple[str, ...] = ()

    @property
    def blocker(self) -> str:
        """The first of what blocks the next deploy; empty if nothing does."""
        return next((finding.sentence() for finding in self.findings if finding.weight is Weight.BLOCKS), "")

    @property
    def answer(self) -> str:
        """The one sentence that counts most."""
        if self.stopped is not None:
            return f"{self.stopped.operation} stopped at {self.stopped.task}: {self.stopped.error}"
        if self.running:
            return f"{self.running} is running"
        if self.blocker:
            return self.blocker
        if self.next_version:
            return f"nothing is in the way: {self.next_version} is deployed by the next run"
        return "nothing is in the way, and there is no newer package that qualifies"


def explain(
    record: Record, environment: Environment, now: datetime, *, next_version: str = "", packages: Iterable[str] = ()
) -> Why:
    """Say what stands in the way of the next deploy, from the record and the environment file.

    Args:
        record: the journal's.
        environment: the environment.
        now: in UTC.
        next_version: the newest package that qualifies; empty if none, or if nobody looked.
        packages: why others were passed over.
    """
    findings = [
        *record_findings(record, environment, next_version or record.deployed_version, now),
        *freeze_findings(freezes_at(now, environment.gates.freeze_windows), FREEZE),
    ]
    return Why(
        environment=environment.name,
        looked_at=now,
        deployed=record.deployed_version,
        stopped=_stopped(record, environment),
        running=_running(record),
        findings=tuple(findings),
        next_version=next_version,
        packages=tuple(packages),
    )


def _stopped(record: Record, environment: Environment) -> StoppedTask | None:
    if (holder := record.open_operation) is None or not (newest := _newest(holder.tasks)):
        return None
    task, state = newest
    if state.state != "failed":
        return None
    details = holder.details
    where = f"clear {task} in {details.run_url or details.run}" if details.run else ""
    then = f"repair it, then {where + ', or ' if where else ''}`{details.again}`: only what is not done is done"
    return StoppedTask(operation=details.id, task=task, error=state.text, at=state.at, then=then)


def _running(record: Record) -> str:
    if (holder := record.open_operation) is None:
        return ""
    newest = _newest(holder.tasks)
    if newest is None or newest[1].state != "started":
        return ""
    return f"{newest[0]} of {holder.details.id} ({holder.details.version})"


def _newest(tasks: dict[str, TaskState]) -> tuple[str, TaskState] | None:
    return max(tasks.items(), key=lambda item: item[1].at, default=None)
