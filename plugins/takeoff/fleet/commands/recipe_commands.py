"""Commands of a role's recipe, and the look that tells what is installed and whether the host is healthy."""

from __future__ import annotations

from takeoff.core.environment import Environment
from takeoff.core.recipes import HealthCheck, RoleRecipe
from takeoff.fleet.commands.command import HostCommand, recipe_lines, script_text, state_folder
from takeoff.fleet.commands.package_commands import skip_file_of

NO_POST_DEPLOY = {"SKIP_POST_DEPLOYMENT_MIGRATIONS": "true"}
"""Exported to everything that could migrate: any value keeps post-deploy migrations from running (GitLab docs,
"Post-deployment migrations")."""

LOOK_S = 10
"""Seconds a health check may take to answer."""


def prepare(recipe: RoleRecipe) -> HostCommand:
    """Run the recipe's commands that come before the install."""
    return _recipe_command("prepare", recipe.prepare, recipe)


def configure(recipe: RoleRecipe) -> HostCommand:
    """Run the recipe's commands right after the install; post-deploy migrations are kept from running."""
    return _recipe_command("configure", recipe.configure, recipe)


def restart(environment: Environment, recipe: RoleRecipe) -> HostCommand:
    """Make the new version the running one, then note on the host that its change is finished."""
    command = _recipe_command("restart", recipe.restart, recipe)
    return HostCommand(
        describe=command.describe,
        script=command.script + script_text("finished"),
        arguments=(state_folder(environment),),
        timeout_s=command.timeout_s,
    )


def look(environment: Environment, health: HealthCheck) -> HostCommand:
    """Read what is installed, whether a change was left unfinished, and whether the health check passes."""
    return HostCommand(
        describe="look at version and health",
        script=script_text("look"),
        arguments=(
            environment.package.name,
            state_folder(environment),
            skip_file_of(environment),
            health.url or "",
            health.command or "",
            str(LOOK_S),
        ),
        timeout_s=LOOK_S + 20.0,
    )


def _recipe_command(step: str, commands: tuple[str, ...], recipe: RoleRecipe) -> HostCommand:
    return HostCommand(
        describe=" && ".join(commands) or step,
        script=script_text() + recipe_lines(commands, NO_POST_DEPLOY),
        arguments=(),
        timeout_s=recipe.step_timeout.total_seconds(),
    )
