"""What is done on a host of a role to bring it to a version; GitLab's roles are the defaults.

The steps are always the same and always in this order: drain (if the role is balanced) → ``prepare`` → skip file →
install → ``configure`` → ``restart`` → healthy → back into service. A recipe says only what differs between roles.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, model_validator

from takeoff.core.strict_model import Duration, Share, StrictModel, parse_duration


class HealthCheck(StrictModel):
    """How a host shows that it can serve, asked on the host: a URL that answers 2xx, or a command that exits 0."""

    url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    """Asked with curl on the host, so that GitLab's monitoring allowlist (localhost) lets it through."""
    command: str | None = None
    """Run as root by `sh` on the host."""
    timeout: Duration = parse_duration("5m")
    """How long the host may take to become healthy after its restart."""
    interval: Duration = parse_duration("2s")
    """Time between two looks."""

    @model_validator(mode="after")
    def _one_way(self) -> HealthCheck:
        if (self.url is None) == (self.command is None):
            raise ValueError("a health check needs either `url` or `command`, and not both")
        return self


def _health_has_defaults(schema: dict[str, Any]) -> None:
    """GitLab's roles bring their health check along, so an editor must not demand it of every recipe."""
    schema.pop("required", None)


class RoleRecipe(StrictModel):
    """How one role's hosts are moved to a version. Left-out keys of GitLab's roles keep GitLab's values."""

    model_config = ConfigDict(json_schema_extra=_health_has_defaults)

    drain: bool = True
    """Take the host out of every load balancer, and wait for its sessions to end, before anything is unpacked."""
    drain_timeout: Duration = parse_duration("5m")
    """Longest wait for a drained host's sessions; when it is over, the host fails with the number still open."""
    prepare: tuple[str, ...] = ()
    """Commands before the package is installed (`sh`, as root): quiet background jobs, for example."""
    configure: tuple[str, ...] = ("gitlab-ctl reconfigure",)
    """Commands right after the package was installed; SKIP_POST_DEPLOYMENT_MIGRATIONS is exported to each."""
    restart: tuple[str, ...] = ("gitlab-ctl restart",)
    """Commands that make the new version the running one."""
    health: HealthCheck
    """When the host counts as healthy."""
    step_timeout: Duration = parse_duration("30m")
    """Longest run of one step (install, configure, restart) on one host."""
    batch: Share | None = None
    """Hosts of the role that may be out at once; the environment's `batch` if absent."""
    rollback_batch: Share | None = None
    """The same for a rollback; the environment's `rollback_batch`, then `batch`, if absent."""
    floor: Share | None = None
    """Hosts that must serve at every moment, over all stages of the role; the environment's `floor` if absent."""


GITLAB_RECIPES: dict[str, RoleRecipe] = {
    **{
        # Rails is drained because Workhorse cannot reload gracefully (GitLab docs, "Zero-downtime upgrades").
        role: RoleRecipe(health=HealthCheck(url="http://localhost/-/readiness?all=1"))
        for role in ("web", "api", "git", "websockets", "internal-api")
    },
    # Reconfigure reloads Gitaly gracefully; a restart would cut long git operations (same page, "Gitaly").
    "gitaly": RoleRecipe(drain=False, restart=(), health=HealthCheck(command="gitlab-ctl status gitaly")),
    "praefect": RoleRecipe(
        drain=False, restart=("gitlab-ctl restart praefect",), health=HealthCheck(command="gitlab-ctl status praefect")
    ),
    # TERM through runit lets Sidekiq finish or push back its jobs; its health server listens on 8092 (GitLab docs,
    # "Sidekiq health check").
    "sidekiq": RoleRecipe(
        drain=False,
        restart=("gitlab-ctl restart sidekiq",),
        health=HealthCheck(url="http://localhost:8092/readiness"),
    ),
    "pages": RoleRecipe(health=HealthCheck(command="gitlab-ctl status gitlab-pages")),
    "registry": RoleRecipe(health=HealthCheck(command="gitlab-ctl status registry")),
}
"""GitLab's roles by the names its own tooling uses; an environment file overrides them key by key."""

ROLLBACK_FIRST = ("git",)
"""Rolled back before the rest: the frontends of git over SSH and HTTPS."""

ROLLBACK_LAST = ("gitaly", "praefect")
"""Rolled back last: a newer Gitaly serves older clients, not the other way round ("Zero-downtime upgrades")."""


def complete_recipes(given: Any) -> Any:
    """Fill GitLab's defaults into the recipes of GitLab's roles, key by key; other roles stay as written."""
    if not isinstance(given, dict):
        return given
    merged = {
        role: GITLAB_RECIPES[role].model_dump() | recipe
        if role in GITLAB_RECIPES and isinstance(recipe, dict)
        else recipe
        for role, recipe in given.items()
    }
    return GITLAB_RECIPES | merged
