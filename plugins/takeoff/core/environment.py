"""The environment: one deployable installation, as its file in ``config/environments`` describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from takeoff.core.balancer_settings import LoadBalancer, ServerName
from takeoff.core.check_settings import AlertSettings, Gates, PostDeployChecks, QaSettings, StageChecks
from takeoff.core.cron import CronText
from takeoff.core.environment_misfits import misfits
from takeoff.core.hosts import Host, HostList, Inventory, SingleHost
from takeoff.core.package_settings import PackageSettings
from takeoff.core.people_settings import Approval, ChatRights, Notifications, Tracking
from takeoff.core.recipes import GITLAB_RECIPES, ROLLBACK_FIRST, ROLLBACK_LAST, RoleRecipe, complete_recipes
from takeoff.core.strict_model import Duration, Share, StrictModel, parse_duration

Path = tuple[str | int, ...]
"""Keys and positions from the top of the file to a value."""

NAME = r"^[a-z0-9][a-z0-9_-]{0,30}$"
"""Environments, stages and roles: they become parts of DAG and task ids, file names and operation ids."""


class SshSettings(StrictModel):
    """How hosts are reached. With `connection`, Airflow's connection gives user, port and key where it names them."""

    connection: str | None = None
    """Airflow connection of type `ssh`: login, port, `key_file` or `private_key`; its host is not used."""
    user: str | None = None
    port: int = Field(default=22, ge=1, le=65535)
    jump_host: str | None = None
    """`user@host:port` that connections go through."""
    identity_file: str | None = None
    """Private key, relative to the environment file."""
    certificate_file: str | None = None
    """The key's OpenSSH certificate, if one is used."""
    known_hosts: str | None = None
    """known_hosts file (`@cert-authority` lines too), relative to the environment file; the user's own if absent."""
    become: Literal["sudo", "none"] = "sudo"
    """How commands become root: `sudo -n`, or not at all (the user is root already)."""
    connect_timeout: Duration = parse_duration("15s")
    keepalive: Duration = parse_duration("15s")
    """Time between signs of life; three missed ones in a row mean the connection is lost."""


class FailureBudget(StrictModel):
    """Hosts that may fail in one rollout before it stops."""

    failed: Share = Share(0)
    """Hosts on which a step failed."""
    unreachable: Share = Share(0)
    """Hosts that gave no answer; each is put to maint and left behind until `takeoff converge`."""
    slow: Share = Share(0)
    """Hosts that took longer than `slow_after`; they are finished all the same, and serve."""
    slow_after: Duration | None = None
    """Time from a host's leave to its return after which it counts as slow; none ever does if absent."""


class StageRole(StrictModel):
    """The hosts of one role in one stage."""

    hosts: HostList = ()
    inventory: Inventory | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare_list(cls, value: Any) -> Any:
        return {"hosts": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.hosts) == (self.inventory is not None):
            raise ValueError("a role needs either `hosts` (at least one) or `inventory`, and not both")
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Let editors accept a role's hosts as a bare list too."""
        described = super().__get_pydantic_json_schema__(schema, handler)
        written = handler.resolve_ref_schema(described)
        mapping = {key: written.pop(key) for key in ("type", "properties", "additionalProperties") if key in written}
        written["anyOf"] = [mapping, mapping["properties"]["hosts"] | {"minItems": 1}]
        return described


class Stage(StrictModel):
    """A part of the environment that is rolled out together."""

    name: str = Field(pattern=NAME)
    roles: dict[Annotated[str, Field(pattern=NAME)], StageRole] = Field(min_length=1)
    """Role → its hosts, rolled out in this order."""
    checks: StageChecks = StageChecks()


class Member(NamedTuple):
    """A host in its place."""

    host: Host
    stage: str
    role: str


class MigrationSettings(StrictModel):
    """How the blessed node migrates."""

    environment: dict[Annotated[str, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")], str] = {}
    """Variables exported to migrations only, such as a database address that bypasses PgBouncer."""
    regular: tuple[str, ...] = ("gitlab-ctl reconfigure",)
    """Commands of the regular migrations, after the install; SKIP_POST_DEPLOYMENT_MIGRATIONS=true is exported."""
    post_deploy: tuple[str, ...] = ("gitlab-rake db:migrate",)
    status: str = "gitlab-rake db:migrate:status"
    """Prints `up` or `down`, version and name of each migration; `down` after the regular ones is post-deploy."""
    timeout: Duration = parse_duration("10h")


class Environment(StrictModel):
    """One environment file, validated."""

    name: str = Field(pattern=NAME)
    """Name of the environment; DAGs are called `deploy_<name>` and so on. The file is called the same."""
    description: str = ""
    package: PackageSettings
    schedule: CronText | None = "0 * * * *"
    """When to look for a new package, as a cron expression in UTC; `null`: only when the asset rings."""
    ssh: SshSettings
    state_dir: str = Field(default="/var/lib/takeoff", pattern=r"^/[\w./-]+$")
    """Where hosts keep their state: jobs, highest epoch; on the blessed node also lease and journal."""
    deploy_node: SingleHost
    """The blessed node: runs migrations, serves no users, keeps lease and journal."""
    stages: tuple[Stage, ...] = Field(min_length=1)
    roles: Annotated[dict[str, RoleRecipe], BeforeValidator(complete_recipes)] = Field(default=GITLAB_RECIPES)
    """Recipes: what is done on a host of each role. GitLab's roles have defaults, overridden key by key."""
    rollback_order: tuple[str, ...] | None = None
    """Roles in the order of a rollback; by default `git` first and `gitaly`, `praefect` last."""
    batch: Share = Share("10%")
    """Hosts of one stage and role that may be out at once; a share is rounded down, and one host always may."""
    rollback_batch: Share | None = None
    """The same for a rollback; `batch` if absent."""
    floor: Share = Share("50%")
    """Hosts of a role, over all its stages, that must serve at every moment; a share is rounded up."""
    failure_budget: FailureBudget = FailureBudget()
    warmup_parallel: int = Field(default=20, ge=1, le=500)
    """Hosts that download at once."""
    load_balancers: tuple[LoadBalancer, ...] = ()
    migrations: MigrationSettings = MigrationSettings()
    qa: QaSettings | None = None
    alerts: AlertSettings | None = None
    gates: Gates = Gates()
    post_deploy: Literal["manual", "next_deploy"] = "manual"
    """Who starts post-deploy migrations: a person, or the next deploy as its first step."""
    post_deploy_checks: PostDeployChecks = PostDeployChecks()
    approval: Approval = Approval()
    notifications: Notifications = Notifications()
    tracking: Tracking = Tracking()
    chat: ChatRights = ChatRights()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if problems := list(misfits(self)):
            # Pydantic knows only the whole model as their place; `environment_text.explain` takes them apart again.
            told = "; ".join(message for _, message in problems)
            raise PydanticCustomError("misfit", "{told}", {"told": told, "problems": problems})
        return self

    def members(self, stage: str | None = None, role: str | None = None) -> Iterator[Member]:
        """List the hosts of the stages in rollout order, without the blessed node; inventories must be resolved."""
        for one in self.stages:
            for name, part in one.roles.items():
                if stage in (None, one.name) and role in (None, name):
                    yield from (Member(host, one.name, name) for host in part.hosts)

    def hosts(self) -> dict[str, Host]:
        """Every host that Takeoff talks to by SSH, by name: blessed node, fleet, balancer nodes."""
        found = {self.deploy_node.name: self.deploy_node, **{m.host.name: m.host for m in self.members()}}
        return found | {
            b.host.name: b.host for b in self.load_balancers if b.host is not None and b.host.name not in found
        }

    @property
    def fleet(self) -> tuple[str, ...]:
        """Names of all hosts that get the package: the blessed node, then the stages' hosts in rollout order."""
        return (self.deploy_node.name, *(member.host.name for member in self.members()))

    @property
    def role_names(self) -> tuple[str, ...]:
        """Roles of all stages, each once, in the order of first appearance."""
        return tuple(dict.fromkeys(role for stage in self.stages for role in stage.roles))

    def stage(self, name: str) -> Stage:
        """Find a stage.

        Raises:
            KeyError: there is none of that name.
        """
        return {stage.name: stage for stage in self.stages}[name]

    def checks_of(self, stage: Stage) -> StageChecks:
        """Say what is checked after a stage: what it asks for; the last one always QA and alerts, where configured."""
        last = stage is self.stages[-1] or stage.name == self.stages[-1].name
        return StageChecks(
            qa=self.qa is not None and (stage.checks.qa or last),
            alerts=self.alerts is not None and (stage.checks.alerts or last),
            bake=stage.checks.bake,
        )

    def batch_for(self, role: str, *, rollback: bool = False) -> Share:
        """Hosts of a role that may be out at once."""
        recipe = self.roles[role]
        forward = recipe.batch or self.batch
        return (recipe.rollback_batch or self.rollback_batch or forward) if rollback else forward

    def floor_for(self, role: str) -> Share:
        """Hosts of a role that must serve at every moment, over all its stages.

        The only host of a role that is not drained (one Gitaly, one Sidekiq) may move all the same: it is updated in
        place, and nothing could take over from it. The only host behind a load balancer may not, unless its recipe
        says so, because its users would see it.
        """
        recipe = self.roles[role]
        alone = sum(1 for _ in self.members(role=role)) == 1
        return recipe.floor or (Share(0) if alone and not recipe.drain else self.floor)

    def roles_in_rollback_order(self) -> tuple[str, ...]:
        """Roles as a rollback goes through them."""
        if self.rollback_order is not None:
            return self.rollback_order
        place = dict.fromkeys(ROLLBACK_FIRST, -1) | dict.fromkeys(ROLLBACK_LAST, 1)
        # Praefect is a client of Gitaly, so it goes before it, whatever the deploy order says.
        return tuple(sorted(self.role_names, key=lambda role: (place.get(role, 0), role == "gitaly")))

    def servers_of(self, host: str) -> dict[str, tuple[ServerName, ...]]:
        """Map each balancer's name to the servers that a host is there; balancers that do not know it are left out."""
        member = next((m for m in self.members() if m.host.name == host), None)
        return {} if member is None else self.servers_of_member(member)

    def servers_of_member(self, member: Member) -> dict[str, tuple[ServerName, ...]]:
        """As :meth:`servers_of`, where the host's stage and role are known: nothing is searched for."""
        named = {b.name: b.servers_of(*member) for b in self.load_balancers}
        return {name: servers for name, servers in named.items() if servers}

    def with_hosts(self, resolved: Mapping[tuple[str, str], tuple[Host, ...]]) -> Environment:
        """Put an inventory's hosts in place.

        Args:
            resolved: (stage, role) → its hosts; other roles stay as they are.

        Raises:
            pydantic.ValidationError: a host is named twice, or a role has none.
        """
        parts = {(stage.name, role): part for stage in self.stages for role, part in stage.roles.items()}
        if all(part.inventory is None and part.hosts == resolved.get(at, part.hosts) for at, part in parts.items()):
            return self
        data = self.model_dump(by_alias=True)
        for stage in data["stages"]:
            for role in stage["roles"]:
                if (stage["name"], role) in resolved:
                    hosts = [host.model_dump() for host in resolved[stage["name"], role]]
                    stage["roles"][role] = {"hosts": hosts}
        return Environment.model_validate(data)
