"""A look at one host: what is installed, whether a change was left unfinished, whether it is healthy."""

from __future__ import annotations

from dataclasses import dataclass

from takeoff.core.environment import Environment
from takeoff.core.errors import CommandFailed
from takeoff.core.recipes import HealthCheck
from takeoff.fleet.commands.recipe_commands import look
from takeoff.fleet.protocols import Transport


@dataclass(frozen=True)
class HostLook:
    """What one look saw.

    Attributes:
        host: its name.
        version: installed version of the package; empty if none.
        status: dpkg's word for its state: ``installed``, ``half-configured``, …; empty if it is not installed.
        unfinished: version of a change that was begun and not finished; empty if none.
        skip_file: whether the file that keeps the package from reconfiguring itself is there.
        healthy: whether the health check passes.
        health: what it said, for people.
    """

    host: str
    version: str
    status: str
    unfinished: str
    skip_file: bool
    healthy: bool
    health: str

    def is_on(self, version: str) -> bool:
        """Whether the host runs a version: installed whole, and every step after the install done."""
        return self.version == version and self.status == "installed" and not self.unfinished and not self.skip_file


async def look_at(transport: Transport, environment: Environment, host: str, health: HealthCheck) -> HostLook:
    """Look at one host.

    Raises:
        HostUnreachable: no answer.
        CommandFailed: the host lacks what the look needs (dpkg, curl).
    """
    command = look(environment, health)
    done = await transport.run(host, command.script, command.arguments, timeout_s=command.timeout_s)
    if done.exit_status != 0:
        raise CommandFailed(host, command.describe, done.exit_status, done.error_text or done.text)
    said = dict(line.partition("=")[::2] for line in done.text.splitlines())
    return HostLook(
        host=host,
        version=said.get("version", "") if said.get("status") not in ("not-installed", "config-files") else "",
        status=said.get("status", ""),
        unfinished=said.get("unfinished", ""),
        skip_file=said.get("skip_file") == "1",
        healthy=said.get("healthy") == "1",
        health=said.get("health", ""),
    )
