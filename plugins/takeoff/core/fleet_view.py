"""What the fleet page shows: each environment's mirrored state with its age, its hosts grouped by stage and role."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from takeoff.core.environment_status import OLD, EnvironmentStatus
from takeoff.core.fleet_progress import DEPLOY_ROLE, FleetProgress, HostProgress, HostState, LastDeploy
from takeoff.core.operation import OperationKind, Stored
from takeoff.core.why import Why

SILENT = timedelta(minutes=2)
"""A process that moves hosts writes how far they are every half minute; after this long it is called silent."""

MOVING = (OperationKind.DEPLOY, OperationKind.ROLLBACK, OperationKind.CONVERGE)
"""Operations that bring hosts to their version."""


class SourceTrouble(Stored):
    """Package sources that cannot be asked.

    Attributes:
        since: when it began, for people.
        error: what is wrong.
    """

    since: str = ""
    error: str = ""


class Mirrored(NamedTuple):
    """What Airflow's Variables hold of one environment; ``None`` for what nobody has written yet.

    Attributes:
        status: as of the last task.
        progress: its hosts.
        why: what stands in the way of the next deploy.
        trouble: there while its package sources cannot be asked.
    """

    status: EnvironmentStatus | None = None
    progress: FleetProgress | None = None
    why: Why | None = None
    trouble: SourceTrouble | None = None


class HostGroup(Stored):
    """The hosts of one role in one stage.

    Attributes:
        stage: the stage; empty for the blessed node.
        role: the role; ``deploy`` for the blessed node.
        on_target: how many have the version of the open operation, or the deployed one if none is open.
        versions: version → how many hosts have it; the empty one is not known.
        states: state → how many hosts are in it.
        differing: names of the hosts to look at: out of service, at a step, or on a version that is neither the
            deployed one nor the operation's.
        hosts: all of them, in rollout order.
    """

    stage: str
    role: str
    on_target: int
    versions: dict[str, int]
    states: dict[HostState, int]
    differing: tuple[str, ...]
    hosts: tuple[HostProgress, ...]


class EnvironmentView(Stored):
    """One environment.

    Attributes:
        environment: its name.
        status: as ``takeoff status --json`` prints it, without looking at the hosts; ``None`` if no task has run yet.
        age_s: seconds since the status was read from the journal.
        old: that is longer than the schedule explains.
        target: the version of the open operation, or the deployed one if none is open.
        blocker: what stands in the way of the next deploy, in one sentence; empty if nothing does.
        trouble: package sources that cannot be asked, while they cannot.
        last_deploy: the newest deploy that ended well.
        hosts_age_s: seconds since somebody wrote how far the hosts are.
        silent: hosts are being moved, and whoever moves them has written nothing for two minutes.
        groups: hosts by stage and role, blessed node first, then in rollout order.
    """

    environment: str
    status: EnvironmentStatus | None = None
    age_s: float | None = None
    old: bool = False
    target: str = ""
    blocker: str = ""
    trouble: SourceTrouble | None = None
    last_deploy: LastDeploy | None = None
    hosts_age_s: float | None = None
    silent: bool = False
    groups: tuple[HostGroup, ...] = ()


class FleetView(Stored):
    """What ``GET /takeoff/`` answers.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        now: the server's time: what ages and durations are counted from.
        environments: those whose deploy DAG the asking user may read.
    """

    schema_version: Literal[1] = 1
    now: datetime
    environments: tuple[EnvironmentView, ...]


def environment_view(environment: str, mirrored: Mirrored, now: datetime) -> EnvironmentView:
    """Put together what is known of an environment.

    Args:
        environment: its name.
        mirrored: what was written of it.
        now: in UTC.
    """
    status, progress = mirrored.status, mirrored.progress
    hosts = progress.hosts if progress is not None else ()
    deployed = status.deployed if status is not None else ""
    age = _age(status.looked_at, now) if status is not None else None
    hosts_age = _age(progress.at, now) if progress is not None else None
    operation = status.operation if status is not None else None
    opened = operation is not None and operation.outcome is None
    target = operation.version if operation is not None and opened and operation.kind in MOVING else deployed
    moving = opened and any(_is_moving(host) for host in hosts)
    return EnvironmentView(
        environment=environment,
        status=status,
        age_s=age.total_seconds() if age is not None else None,
        old=age is not None and age > OLD,
        target=target,
        blocker=mirrored.why.blocker if mirrored.why is not None else "",
        trouble=mirrored.trouble,
        last_deploy=progress.last_deploy if progress is not None else None,
        hosts_age_s=hosts_age.total_seconds() if hosts_age is not None else None,
        silent=moving and hosts_age is not None and hosts_age > SILENT,
        groups=host_groups(hosts, target, deployed),
    )


def host_groups(hosts: tuple[HostProgress, ...], target: str, deployed: str) -> tuple[HostGroup, ...]:
    """Group hosts by stage and role, in the order in which they come.

    Args:
        hosts: in rollout order.
        target: the version that they go to.
        deployed: the version that they come from, or have.
    """
    by_place: dict[tuple[str, str], list[HostProgress]] = {}
    for host in hosts:
        by_place.setdefault((host.stage, host.role), []).append(host)
    return tuple(
        HostGroup(
            stage=stage,
            role=role,
            on_target=sum(host.version == target for host in members),
            versions=dict(Counter(host.version for host in members)),
            states=dict(Counter(host.state for host in members)),
            differing=tuple(host.host for host in members if _differs(host, (target, deployed))),
            hosts=tuple(members),
        )
        for (stage, role), members in by_place.items()
    )


def _differs(host: HostProgress, expected: tuple[str, ...]) -> bool:
    return host.state is not HostState.IN_SERVICE or bool(host.step) or host.version not in expected


def _is_moving(host: HostProgress) -> bool:
    return host.role != DEPLOY_ROLE and host.state in (HostState.CHANGING, HostState.DRAINED)


def _age(moment: datetime, now: datetime) -> timedelta:
    return max(now - moment, timedelta())
