"""A plan: which hosts move in which rollout, in which batches, and how few may serve meanwhile; it touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from takeoff.core.environment import Environment
from takeoff.core.errors import Refused
from takeoff.core.operation import Stored
from takeoff.core.rollout_rules import batch_size, floor_count
from takeoff.core.skew import Mix, Move, forbidden_mixes
from takeoff.core.task_ids import TaskKind, TaskSpec, deploy_tasks, rollback_tasks


class PlannedRollout(Stored):
    """One rollout of a plan.

    Attributes:
        task: id of the task.
        role: whose hosts.
        hosts: those that move, in order.
        staying: those that run the version already.
        batch: hosts out at once.
        role_hosts: hosts of the role over all stages.
        floor: of those, hosts that must serve at every moment.
        lowest_serving: how few of them serve at the worst moment, if all serve when it begins.
    """

    task: str
    role: str
    hosts: tuple[str, ...]
    staying: tuple[str, ...]
    batch: int
    role_hosts: int
    floor: int
    lowest_serving: int

    @property
    def rounds(self) -> int:
        """How many batches it takes, if every host takes the same time."""
        return -(-len(self.hosts) // self.batch) if self.hosts else 0


class Plan(Stored):
    """What a deploy or a rollback would do.

    Attributes:
        environment: its name.
        version: where it leads.
        rollback: whether it is a rollback.
        tasks: ids of all tasks, in order.
        rollouts: those tasks that move hosts.
        installed: host → version on which the plan was made.
        problems: one sentence each: what makes it impossible; empty if it can be carried out.
    """

    environment: str
    version: str
    rollback: bool
    tasks: tuple[str, ...]
    rollouts: tuple[PlannedRollout, ...]
    installed: dict[str, str]
    problems: tuple[str, ...]

    def refuse(self) -> None:
        """Refuse to carry it out if anything makes it impossible.

        Raises:
            Refused: named ``plan``, with every problem.
        """
        if self.problems:
            raise Refused("plan", "; ".join(self.problems))


def make_plan(environment: Environment, version: str, installed: Mapping[str, str], *, rollback: bool = False) -> Plan:
    """Plan a deploy or a rollback.

    Args:
        environment: inventories resolved.
        version: where it shall lead.
        installed: host → installed version; hosts without the package are left out.
        rollback: whether it is a rollback.

    Raises:
        VersionError: an installed version cannot be compared with others.
    """
    tasks = rollback_tasks(environment) if rollback else deploy_tasks(environment)
    rollouts = tuple(
        _planned(environment, task, version, installed, rollback) for task in tasks if task.kind is TaskKind.ROLLOUT
    )
    return Plan(
        environment=environment.name,
        version=version,
        rollback=rollback,
        tasks=tuple(task.id for task in tasks),
        rollouts=rollouts,
        installed=dict(sorted(installed.items())),
        problems=(
            *_without_room(environment, rollouts),
            *map(str, mixes_of(environment, version, installed, rollouts)),
        ),
    )


def mixes_of(
    environment: Environment, version: str, installed: Mapping[str, str], rollouts: tuple[PlannedRollout, ...]
) -> tuple[Mix, ...]:
    """Find the forbidden mixes of versions that rollouts in this order can pass through."""
    roles = {member.host.name: member.role for member in environment.members()}
    moves = [Move(rollout.task, rollout.hosts) for rollout in rollouts]
    return forbidden_mixes(roles, {host: v for host, v in installed.items() if host in roles}, version, moves)


def _planned(
    environment: Environment, task: TaskSpec, version: str, installed: Mapping[str, str], rollback: bool
) -> PlannedRollout:
    hosts = tuple(member.host.name for member in environment.members(task.stage or None, task.role))
    moving = tuple(host for host in hosts if installed.get(host) != version)
    everywhere = sum(1 for _ in environment.members(role=task.role))
    batch = batch_size(environment.batch_for(task.role, rollback=rollback), len(hosts))
    floor = floor_count(environment.floor_for(task.role), everywhere)
    out = min(batch, len(moving), max(0, everywhere - floor))
    return PlannedRollout(
        task=task.id,
        role=task.role,
        hosts=moving,
        staying=tuple(host for host in hosts if host not in moving),
        batch=batch,
        role_hosts=everywhere,
        floor=floor,
        lowest_serving=everywhere - out,
    )


def _without_room(environment: Environment, rollouts: tuple[PlannedRollout, ...]) -> Iterator[str]:
    told: set[str] = set()
    for rollout in rollouts:
        if rollout.hosts and rollout.role_hosts <= rollout.floor and rollout.role not in told:
            told.add(rollout.role)
            yield (
                f"role {rollout.role!r} has {rollout.role_hosts} hosts and its floor of "
                f"{environment.floor_for(rollout.role)} demands that {rollout.floor} serve at every moment, so none "
                f"could ever leave: add hosts, or lower roles.{rollout.role}.floor in the environment file (0 lets the "
                "role stop serving for a while)"
            )
