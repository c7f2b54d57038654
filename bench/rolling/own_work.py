"""What the hosts themselves have to do on the way to a version, as two scripts: the engine's own texts, run plainly.

Installing is more than ``apt-get install`` there: a half-configured dpkg is repaired, the file is compared with the
SHA256 that was pinned, a hold is lifted and set again, what is installed afterwards is looked at. All that is the
hosts' work in whatever way it is started; how it is started, followed and remembered is not.
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from bench.rolling import steps
from bench.rolling.bare import Scripts
from takeoff.core.environment import Environment
from takeoff.core.operation import Artifact, Operation, OperationKind
from takeoff.fleet.commands.command import HostCommand
from takeoff.fleet.commands.package_commands import install_package
from takeoff.fleet.commands.recipe_commands import configure, prepare, restart


def scripts(environment: Environment, version: str, sha256: str) -> Scripts:
    """Write what comes before the package is unpacked, and what comes from there until the host is healthy."""
    operation = Operation(
        id=f"{environment.name}-0",
        opened_at=datetime.now(UTC),
        kind=OperationKind.DEPLOY,
        environment=environment.name,
        package=environment.package.name,
        version=version,
        artifacts=(Artifact(sha256=sha256),),
        environment_sha256="",
        deploy_node=environment.deploy_node,
        placements=(),
        requested_by="benchmark",
    )
    recipe = environment.roles["web"]
    after = (install_package(environment, operation, recipe), configure(recipe), restart(environment, recipe))
    return Scripts(
        before=_text(prepare(recipe)),
        after="\n".join([*map(_text, after), f"{{ {steps.until_healthy}; }} >/dev/null 2>&1"]),
    )


def _text(command: HostCommand) -> str:
    return (
        f"{shlex.join(['sh', '-c', command.script, 'takeoff', *command.arguments])} </dev/null >/dev/null 2>&1 || exit"
    )
