"""How long a plan may take, from what the journal keeps of earlier operations of the same kind."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from takeoff.core.journal_entries import Entry, OperationOpened, TaskFinished
from takeoff.core.operation import OperationKind, Stored
from takeoff.core.plan import Plan, PlannedRollout
from takeoff.core.reports import Result
from takeoff.core.task_ids import (
    APPROVE,
    LEASE,
    NEW_PACKAGE,
    PAUSE_DEPLOYS,
    POST_DEPLOY,
    POST_DEPLOY_ALERTS,
    POST_DEPLOY_QA,
    PREFLIGHT,
    VERDICT,
)

LAST = 5
"""Runs of a task that are looked at, the newest ones."""

NOT_TIMED = frozenset(
    {NEW_PACKAGE, PREFLIGHT, LEASE, VERDICT, PAUSE_DEPLOYS, APPROVE, POST_DEPLOY, POST_DEPLOY_QA, POST_DEPLOY_ALERTS}
)
"""Tasks that take seconds, wait for a person, or belong to an operation of their own."""


class TaskEstimate(Stored):
    """How long one task may take.

    Attributes:
        task: its id.
        seconds: of the median run; ``None`` without history.
        runs: how many earlier runs that says; for a rollout, how many hosts.
    """

    task: str
    seconds: float | None = None
    runs: int = 0


class Estimate(Stored):
    """How long a plan may take.

    Attributes:
        tasks: in order, without those that wait for a person.
    """

    tasks: tuple[TaskEstimate, ...] = ()

    @property
    def seconds(self) -> float:
        """Of all tasks that have a history."""
        return sum(task.seconds or 0.0 for task in self.tasks)

    @property
    def unknown(self) -> tuple[str, ...]:
        """Tasks without history."""
        return tuple(task.task for task in self.tasks if task.seconds is None)


def estimate(plan: Plan, entries: Iterable[Entry]) -> Estimate:
    """Estimate from the newest runs of each task.

    A rollout is reckoned by its batches: the median host's time, as often as batches follow each other. Hosts of the
    same role in another stage count where the task itself has no history.

    Args:
        plan: what would be done.
        entries: the journal's.
    """
    kind = OperationKind.ROLLBACK if plan.rollback else OperationKind.DEPLOY
    kinds: dict[str, OperationKind] = {}
    ran: dict[str, list[TaskFinished]] = {}
    for entry in entries:
        if isinstance(entry.body, OperationOpened):
            kinds[entry.body.details.id] = entry.body.details.kind
        elif isinstance(entry.body, TaskFinished) and kinds.get(entry.operation) is kind:
            ran.setdefault(entry.body.task, []).append(entry.body)
    rollouts = {rollout.task: rollout for rollout in plan.rollouts}
    timed = [task for task in plan.tasks if task not in NOT_TIMED]
    return Estimate(
        tasks=tuple(
            _of_rollout(rollouts[task], ran, rollouts) if task in rollouts else _of_task(task, ran.get(task, []))
            for task in timed
        )
    )


def _of_task(task: str, runs: list[TaskFinished]) -> TaskEstimate:
    seconds = [run.seconds for run in runs[-LAST:]]
    return TaskEstimate(task=task, seconds=round(median(seconds), 1) if seconds else None, runs=len(seconds))


def _of_rollout(
    rollout: PlannedRollout, ran: dict[str, list[TaskFinished]], rollouts: dict[str, PlannedRollout]
) -> TaskEstimate:
    if not rollout.hosts:
        return TaskEstimate(task=rollout.task, seconds=0.0)
    same_role = [one.task for one in rollouts.values() if one.role == rollout.role and one.task != rollout.task]
    own = _host_seconds(ran.get(rollout.task, []))
    hosts = own or [seconds for task in same_role for seconds in _host_seconds(ran.get(task, []))]
    if not hosts:
        return TaskEstimate(task=rollout.task)
    return TaskEstimate(task=rollout.task, seconds=round(median(hosts) * rollout.rounds, 1), runs=len(hosts))


def _host_seconds(runs: list[TaskFinished]) -> list[float]:
    return [
        outcome.seconds
        for run in runs[-LAST:]
        if run.report is not None
        for outcome in run.report.of(Result.CHANGED)
        if outcome.seconds
    ]
