"""Commands of the blessed node: regular and post-deploy migrations, and the list of those that have not run."""

from __future__ import annotations

from takeoff.core.environment import Environment
from takeoff.fleet.commands.command import HostCommand, recipe_lines, script_text, state_folder
from takeoff.fleet.commands.recipe_commands import NO_POST_DEPLOY

STATUS_S = 600.0
"""Seconds for listing migrations: loading Rails alone takes a minute on a slow node."""


def regular_migrations(environment: Environment) -> HostCommand:
    """Run the regular migrations; post-deploy ones are kept from running."""
    return _migrations(environment, environment.migrations.regular, NO_POST_DEPLOY)


def post_deploy_migrations(environment: Environment) -> HostCommand:
    """Run every pending migration."""
    return _migrations(environment, environment.migrations.post_deploy, {})


def migration_status(environment: Environment) -> HostCommand:
    """List the migrations with their states; changes nothing."""
    settings = environment.migrations
    return HostCommand(
        describe=settings.status,
        script=script_text() + recipe_lines([settings.status], settings.environment),
        arguments=(),
        timeout_s=STATUS_S,
    )


def _migrations(environment: Environment, commands: tuple[str, ...], exports: dict[str, str]) -> HostCommand:
    settings = environment.migrations
    return HostCommand(
        describe=" && ".join(commands),
        script=script_text("migrate"),
        arguments=(
            state_folder(environment),
            "set -eu\n" + recipe_lines(commands, {**settings.environment, **exports}),
        ),
        timeout_s=settings.timeout.total_seconds(),
    )
