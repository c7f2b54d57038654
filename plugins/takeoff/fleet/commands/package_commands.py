"""Commands that bring the package to a host: download and verify, and install between skip file and its removal."""

from __future__ import annotations

from takeoff.core.environment import Environment
from takeoff.core.errors import ConfigError
from takeoff.core.operation import Artifact, Operation
from takeoff.core.recipes import RoleRecipe
from takeoff.fleet.commands.command import HostCommand, script_text, state_folder

SKIP_FILE = "/etc/gitlab/skip-auto-reconfigure"
"""While it exists, GitLab's postinst stops no service, reconfigures nothing and migrates nothing, and its preinst makes
no backup of the database (omnibus-gitlab, files/gitlab-ctl-commands/upgrade.rb and the package scripts)."""

DOWNLOAD_S = 3600.0
"""Seconds that a download may take."""


def skip_file_of(environment: Environment) -> str:
    """Name the skip file of the environment's package; empty for a package that is not GitLab's."""
    return SKIP_FILE if environment.package.name.startswith("gitlab") else ""


def download_package(environment: Environment, operation: Operation, *, rollback: bool = False) -> HostCommand:
    """Download the operation's package into apt's cache and compare it with the SHA256 that the operation pinned.

    Raises:
        ConfigError: the operation pins no SHA256: what is not verified is not installed.
    """
    size = max((artifact.size for artifact in operation.artifacts), default=0)
    return HostCommand(
        describe=f"download of {operation.package} {operation.version}",
        script=script_text("package", "warmup"),
        arguments=(
            operation.package,
            operation.version,
            _downgrade(rollback),
            skip_file_of(environment),
            state_folder(environment),
            # Half a GiB more than the file: apt's lists, and dependencies that the version may bring along.
            str((size >> 20) + 512 if size else environment.package.disk_space_mib // 2),
            *_sums(operation.artifacts, operation),
        ),
        timeout_s=DOWNLOAD_S,
    )


def install_package(
    environment: Environment, operation: Operation, recipe: RoleRecipe | None = None, *, rollback: bool = False
) -> HostCommand:
    """Install the operation's package: a half-configured dpkg is repaired first, an existing hold is set again after.

    Args:
        environment: the environment.
        operation: whose package.
        recipe: of the host's role, for its time limit; the blessed node has none.
        rollback: allow a downgrade.

    Raises:
        ConfigError: the operation pins no SHA256.
    """
    return HostCommand(
        describe=f"apt-get install {operation.package}={operation.version}",
        script=script_text("package", "install"),
        arguments=(
            operation.package,
            operation.version,
            _downgrade(rollback),
            skip_file_of(environment),
            state_folder(environment),
            *_sums(operation.artifacts, operation),
        ),
        timeout_s=(recipe.step_timeout if recipe else environment.migrations.timeout).total_seconds(),
    )


def _downgrade(rollback: bool) -> str:
    return "--allow-downgrades" if rollback else ""


def _sums(artifacts: tuple[Artifact, ...], operation: Operation) -> tuple[str, ...]:
    if not artifacts:
        raise ConfigError(
            f"operation {operation.id} pins no SHA256 of {operation.package} {operation.version}, so nothing of it may "
            "be installed: open a new one while a package source answers"
        )
    return tuple(dict.fromkeys(artifact.sha256 for artifact in artifacts))
