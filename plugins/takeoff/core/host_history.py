"""What the journal says of each host: the version put on it, and where the last task left it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from takeoff.core.environment import Environment
from takeoff.core.fleet_progress import DEPLOY_ROLE, ON_TARGET_STEPS, HostProgress, HostState
from takeoff.core.journal_entries import (
    Adopted,
    Converged,
    Entry,
    LeftBehind,
    OperationClosed,
    OperationOpened,
    TaskFailed,
    TaskFinished,
)
from takeoff.core.operation import Operation, OperationKind, Outcome
from takeoff.core.reports import Result, RolloutReport
from takeoff.core.task_ids import FINISH, MIGRATIONS, PENDING_POST_DEPLOY, POST_DEPLOY, WARMUP

BLESSED_TASKS = (MIGRATIONS, POST_DEPLOY, PENDING_POST_DEPLOY)
"""Tasks that work on the blessed node alone."""

WHOLE = (OperationKind.DEPLOY, OperationKind.ROLLBACK)
"""Operations that end well only once the whole fleet, but for hosts left behind, was seen to run their version."""


def hosts_of(entries: Iterable[Entry], environment: Environment) -> tuple[HostProgress, ...]:
    """Fold the journal's entries to what they say of the environment's hosts.

    Args:
        entries: all of them, oldest first.
        environment: inventories resolved.

    Returns:
        Blessed node first, then in rollout order; a host that the journal does not know has no version.
    """
    history = _History(environment)
    for entry in entries:
        history.add(entry)
    return tuple(history.hosts.values())


class _History:
    def __init__(self, environment: Environment) -> None:
        self.blessed = environment.deploy_node.name
        self.hosts = {self.blessed: HostProgress(host=self.blessed, stage="", role=DEPLOY_ROLE)}
        for member in environment.members():
            self.hosts[member.host.name] = HostProgress(host=member.host.name, stage=member.stage, role=member.role)
        self.operations: dict[str, Operation] = {}

    def add(self, entry: Entry) -> None:
        match entry.body:
            case Adopted(versions=versions):
                self._have(versions)
            case OperationOpened(details=details):
                self.operations[details.id] = details
                self._have(details.versions_before)
            case LeftBehind(host=host, reason=reason):
                self._set(host, entry.at, state=HostState.LEFT_BEHIND, step="", detail=reason)
            case Converged(hosts=hosts):
                for host in hosts:
                    self._set(host, entry.at, state=HostState.IN_SERVICE, step="", detail="converged")
            case OperationClosed(outcome=Outcome.SUCCEEDED, version=version) if version:
                if (operation := self.operations.get(entry.operation)) is not None and operation.kind in WHOLE:
                    self._all_run(version, entry.at)
            case TaskFinished() | TaskFailed() as ended:
                if (operation := self.operations.get(entry.operation)) is not None:
                    self._end_of(ended, entry.at, operation)

    def _end_of(self, ended: TaskFinished | TaskFailed, at: datetime, operation: Operation) -> None:
        well = isinstance(ended, TaskFinished)
        if ended.task in BLESSED_TASKS:
            self._blessed_end(ended, at, operation)
        elif ended.task == FINISH and well and operation.kind is OperationKind.ROLLBACK:
            self._have({self.blessed: operation.version})
            self._set(self.blessed, at, state=HostState.IN_SERVICE, step="", detail=f"back on {operation.version}")
        elif ended.report is not None and ended.task == WARMUP:
            self._warmed_up(ended.report, at)
        elif ended.report is not None:
            self._rolled_out(ended.report, at, operation, ended_well=well)

    def _blessed_end(self, ended: TaskFinished | TaskFailed, at: datetime, operation: Operation) -> None:
        if isinstance(ended, TaskFailed):
            told = ended.error.partition("\n")[0]
            self._set(self.blessed, at, state=HostState.FAILED, step=ended.task, detail=told)
            return
        if ended.task == MIGRATIONS:
            self._have({self.blessed: operation.version})
        self._set(self.blessed, at, state=HostState.IN_SERVICE, step="", detail=ended.summary)

    def _warmed_up(self, report: RolloutReport, at: datetime) -> None:
        for one in report.hosts:
            bad = one.result in (Result.FAILED, Result.UNREACHABLE)
            self._set(one.host, at, step=one.step or one.result.value if bad else "", detail=one.reason)

    def _rolled_out(self, report: RolloutReport, at: datetime, operation: Operation, *, ended_well: bool) -> None:
        for one in report.hosts:
            if one.result in (Result.CHANGED, Result.UNCHANGED) or one.step in ON_TARGET_STEPS:
                self._have({one.host: operation.version})
            match one.result:
                case Result.CHANGED | Result.UNCHANGED:
                    self._set(one.host, at, state=HostState.IN_SERVICE, step="", detail=one.reason)
                case Result.FAILED | Result.UNREACHABLE if ended_well:
                    # A rollout that ends well with such a host has put it to maint: it was within the budget.
                    self._set(one.host, at, state=HostState.LEFT_BEHIND, step="", detail=one.reason)
                case Result.FAILED | Result.UNREACHABLE:
                    step = one.step or one.result.value
                    self._set(one.host, at, state=HostState.FAILED, step=step, detail=one.reason)

    def _all_run(self, version: str, at: datetime) -> None:
        for name, host in self.hosts.items():
            if host.state is not HostState.LEFT_BEHIND:
                self._have({name: version})
                if host.state is not HostState.IN_SERVICE or host.step:
                    self._set(name, at, state=HostState.IN_SERVICE, step="", detail="as it should be")

    def _have(self, versions: dict[str, str]) -> None:
        for host, version in versions.items():
            if host in self.hosts:
                self.hosts[host] = self.hosts[host].model_copy(update={"version": version})

    def _set(self, host: str, at: datetime, **changes: object) -> None:
        if (known := self.hosts.get(host)) is not None:
            self.hosts[host] = known.model_copy(update=changes | {"since": at})
