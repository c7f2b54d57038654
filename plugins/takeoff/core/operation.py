"""An operation: one deploy, rollback, post-deploy-migration run or converge, and what it pins when it opens."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from takeoff.core.hosts import Host


class Stored(BaseModel):
    """Base of what the journal keeps: frozen; unknown keys of newer versions are kept out, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class OperationKind(StrEnum):
    """What an operation does."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    POST_DEPLOY = "post_deploy"
    CONVERGE = "converge"
    WARMUP = "warmup"


class Outcome(StrEnum):
    """How an operation ended."""

    SUCCEEDED = "succeeded"
    TAKEN_OVER = "taken_over"
    RELEASED = "released"
    """A person released the lease; the fleet may be mixed."""
    NOTHING_CHANGED = "nothing_changed"
    """It was given up before it changed anything."""


class Artifact(Stored):
    """One build of the package; the same version differs between distributions and architectures.

    Attributes:
        sha256: hex digest of the .deb, from the signed index.
        size: bytes of the .deb; 0 where the source does not tell.
        architecture: Debian's name of it.
        distribution: as the source names it; empty for the only one.
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = 0
    architecture: str = "amd64"
    distribution: str = ""


class Placement(Stored):
    """The hosts of one stage and role, as resolved when the operation opened."""

    stage: str
    role: str
    hosts: tuple[Host, ...]


class Driver(Stored):
    """A process that acts for an operation: one try of an Airflow task, or one ``takeoff`` command.

    Attributes:
        name: unique: ``<machine>:<pid>:<random>``.
        task: id of the task it carries out.
        by: who asked for it.
        asked: a person asked for this try: it is the first one, or they cleared the task. Airflow's own retries are
            not asked for, and never begin again what a person must look at first.
    """

    name: str
    task: str
    by: str
    asked: bool = True


class OperationDraft(Stored):
    """What an operation pins, before it has an id.

    Attributes:
        kind: what it does.
        environment: name of the environment.
        package: name of the package.
        version: the version the fleet shall have in the end.
        artifacts: builds that may be installed, one for each distribution and architecture.
        environment_sha256: hex digest of the environment file.
        deploy_node: the blessed node.
        placements: the fleet, in rollout order.
        versions_before: host → installed version when it opened; hosts without the package are left out.
        requested_by: who asked for it.
        reason: why, in the words of who asked; empty for automatic ones.
        automatic: nobody asked: the schedule or an event did.
        run: ``<dag id>/<run id>`` of the Airflow run; empty for the command line.
        run_url: where to look at that run.
        skips: gate or refusal → reason, as given by a person.
        alerts_before: fingerprints of the alerts that were firing when it opened.
        restore_from: for a rollback: the version that is left.
        plan: hash of the plan that a person held it to; empty if none.
        converging: for a converge: the hosts that it brings to the version; empty for all others.
    """

    kind: OperationKind
    environment: str
    package: str
    version: str
    artifacts: tuple[Artifact, ...] = ()
    environment_sha256: str
    deploy_node: Host
    placements: tuple[Placement, ...]
    versions_before: dict[str, str] = {}
    requested_by: str
    reason: str = ""
    automatic: bool = False
    run: str = ""
    run_url: str = ""
    skips: dict[str, str] = {}
    alerts_before: tuple[str, ...] = ()
    restore_from: str = ""
    plan: str = ""
    converging: tuple[str, ...] = ()


def command_again(kind: OperationKind, environment: str, version: str) -> str:
    """Write the command that goes on with an open operation."""
    match kind:
        case OperationKind.ROLLBACK:
            return f"takeoff rollback {environment} {version} --reason …"
        case OperationKind.POST_DEPLOY:
            return f"takeoff post-deploy {environment}"
        case OperationKind.CONVERGE:
            return f"takeoff converge {environment}"
        case OperationKind.WARMUP:
            return f"takeoff deploy {environment} {version} --warmup"
        case OperationKind.DEPLOY:
            return f"takeoff deploy {environment} {version}"


class Operation(OperationDraft):
    """An opened operation.

    Attributes:
        id: ``<environment>-<n>``, n counting from 1.
        opened_at: when, in UTC.
    """

    id: str
    opened_at: datetime

    @property
    def again(self) -> str:
        """The command that goes on with it."""
        return command_again(self.kind, self.environment, self.version)

    def hosts(self, stage: str | None = None, role: str | None = None) -> tuple[Host, ...]:
        """List the fleet's hosts, without the blessed node, of a stage and role or of all."""
        return tuple(
            host
            for part in self.placements
            if stage in (None, part.stage) and role in (None, part.role)
            for host in part.hosts
        )


class Lease(Stored):
    """The right to change an environment, as one driver holds it.

    Attributes:
        operation: what it was taken for.
        driver: who acts.
        epoch: higher than that of every driver before; hosts refuse lower ones.
        authority: id of the journal that gave it.
        predecessors: ids that the journal had before it was moved or restored: hosts that know only those follow.
    """

    operation: Operation
    driver: Driver
    epoch: int
    authority: str
    predecessors: tuple[str, ...] = ()
