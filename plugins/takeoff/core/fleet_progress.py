"""How far each host is: what the journal says of it, and the step that it has come to since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from takeoff.core.environment import Environment
from takeoff.core.operation import OperationKind, Outcome, Stored
from takeoff.core.record import OperationRecord, Record
from takeoff.core.reports import Result
from takeoff.core.task_ids import WARMUP

DEPLOY_ROLE = "deploy"
"""Role of the blessed node, which is in no stage."""

ON_TARGET_STEPS = frozenset(
    {"configuring", "restarting", "waiting until healthy", "going back into service", "done", "installed", "migrated"}
)
"""Steps that a host comes to only once the operation's version is installed on it."""


class HostState(StrEnum):
    """Where a host stands, as far as Takeoff moved it; what a person does in a balancer is not seen here."""

    IN_SERVICE = "in service"
    """Takeoff keeps it out of nothing."""
    CHANGING = "changing"
    """Its package changes; its role is not drained for that, or it is the blessed node."""
    DRAINED = "drained"
    """Out of its balancers, or on the way out or back."""
    FAILED = "failed"
    """Its last step failed; its detail says whether it serves."""
    LEFT_BEHIND = "left behind"
    """In maint, and out of the operation, until it is converged."""


class HostProgress(Stored):
    """One host.

    Attributes:
        host: its name.
        stage: its stage; empty for the blessed node.
        role: its role; ``deploy`` for the blessed node.
        version: the version that was last seen or put on it; empty if none is known.
        state: where it stands as far as Takeoff moved it: ``in service``, ``changing`` (its role is not drained for a
            change), ``drained``, ``failed`` (its detail says whether it serves) or ``left behind``.
        step: what is done with it, or what failed; empty if nothing is.
        detail: more about the step, or what the last rollout did.
        since: when it came to that step or state; ``None`` if nothing was ever done with it.
    """

    host: str
    stage: str
    role: str
    version: str = ""
    state: HostState = HostState.IN_SERVICE
    step: str = ""
    detail: str = ""
    since: datetime | None = None


class LastDeploy(Stored):
    """The newest deploy that ended well.

    Attributes:
        version: what it deployed.
        opened_at: when it took the lease.
        closed_at: when it gave it back.
    """

    version: str
    opened_at: datetime
    closed_at: datetime


class FleetProgress(Stored):
    """The hosts of an environment, as the web side reads them.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        environment: its name.
        at: when this was written; while a task works on hosts, at least every half minute.
        operation: id of the open operation, or of the last.
        last_deploy: the newest deploy that ended well.
        hosts: blessed node first, then in rollout order.
    """

    schema_version: Literal[1] = 1
    environment: str
    at: datetime
    operation: str = ""
    last_deploy: LastDeploy | None = None
    hosts: tuple[HostProgress, ...] = ()


class HostStep(NamedTuple):
    """A step that a host has come to in this process.

    Attributes:
        step: as the fleet tells it (``draining``, ``installing``, ``changed``, …).
        detail: more about it.
        at: since when.
        after: the step before it; empty for the first.
    """

    step: str
    detail: str
    at: datetime
    after: str = ""


def fleet_progress(
    record: Record,
    hosts: Iterable[HostProgress],
    environment: Environment,
    steps: Mapping[str, HostStep],
    now: datetime,
    before: FleetProgress | None = None,
) -> FleetProgress:
    """Say how far each host is.

    Args:
        record: the journal's.
        hosts: what the journal says of each host (:func:`takeoff.core.host_history.hosts_of`).
        environment: the environment.
        steps: host → its last step in this process.
        now: in UTC.
        before: what another process wrote last: its steps count where the journal says nothing newer.
    """
    shown = record.open_operation or next(reversed(record.operations.values()), None)
    operation = shown.details.id if shown else ""
    earlier = {one.host: one for one in before.hosts} if before is not None and before.operation == operation else {}
    found = []
    for known in hosts:
        if (written := earlier.get(known.host)) is not None and _is_newer(written.since, known.since):
            known = written.model_copy(update={"stage": known.stage, "role": known.role})
        step = steps.get(known.host)
        if shown is not None and step is not None and _is_newer(step.at, known.since):
            known = _at_step(known, step, shown, environment)
        found.append(known)
    return FleetProgress(
        environment=environment.name, at=now, operation=operation, last_deploy=_last_deploy(record), hosts=tuple(found)
    )


def _at_step(known: HostProgress, step: HostStep, operation: OperationRecord, environment: Environment) -> HostProgress:
    """Put a host at a step of the running task."""
    now = {"step": step.step, "detail": step.detail, "since": step.at}
    if _running_task(operation) == WARMUP:
        done = step.step in (Result.CHANGED, Result.UNCHANGED)
        return known.model_copy(update=now | ({"step": ""} if done else {}))
    on_target = {"version": operation.details.version}
    match step.step:
        case Result.CHANGED | Result.UNCHANGED:
            return known.model_copy(update=now | on_target | {"step": "", "state": HostState.IN_SERVICE})
        case Result.FAILED | Result.UNREACHABLE:
            # The step at which it failed says more than that it did.
            version = on_target if step.after in ON_TARGET_STEPS else {}
            failed = {"step": step.after or step.step, "state": HostState.FAILED}
            return known.model_copy(update=now | version | failed)
        case "left behind":
            return known.model_copy(update=now | {"step": "", "state": HostState.LEFT_BEHIND})
    drains = known.role in environment.roles and environment.roles[known.role].drain
    state = HostState.DRAINED if drains else HostState.CHANGING
    version = on_target if step.step in ON_TARGET_STEPS else {}
    return known.model_copy(update=now | version | {"state": state})


def _running_task(operation: OperationRecord) -> str:
    return next((task for task, state in reversed(operation.tasks.items()) if state.state == "started"), "")


def _last_deploy(record: Record) -> LastDeploy | None:
    for one in reversed(record.operations.values()):
        if one.details.kind is OperationKind.DEPLOY and one.outcome is Outcome.SUCCEEDED and one.closed_at is not None:
            return LastDeploy(version=one.details.version, opened_at=one.details.opened_at, closed_at=one.closed_at)
    return None


def _is_newer(moment: datetime | None, than: datetime | None) -> bool:
    return moment is not None and (than is None or moment > than)
