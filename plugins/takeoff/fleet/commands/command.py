"""A command for a host: text for ``sh``, its arguments, and what people call it."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

from takeoff.core.environment import Environment


@dataclass(frozen=True)
class HostCommand:
    """One command.

    Attributes:
        describe: what it is, for progress and errors.
        script: POSIX sh text without anything that varies, but for commands from the environment file.
        arguments: the script's ``$1``, ``$2``, … as they are.
        timeout_s: seconds it may take.
    """

    describe: str
    script: str
    arguments: tuple[str, ...]
    timeout_s: float


@functools.cache
def script_text(*names: str) -> str:
    """Join scripts of this folder, after what all of them begin with."""
    folder = resources.files("takeoff.fleet.commands")
    return "\n".join(folder.joinpath(f"{name}.sh").read_text(encoding="utf-8") for name in ("begin", *names))


def state_folder(environment: Environment) -> str:
    """Name the folder where a host keeps its state of this environment, below TAKEOFF_HOST_ROOT."""
    return f"{environment.state_dir}/{environment.name}"


def recipe_lines(commands: Iterable[str], exports: Mapping[str, str]) -> str:
    """Write an environment file's commands as a script: told before each, stopped at the first that fails.

    Args:
        commands: as in the file; each is run by a shell of its own, so that none can end the script or change the next.
        exports: variables for all of them.
    """
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    for command in commands:
        lines += [f"printf '%s\\n' {shlex.quote('+ ' + command)}", f"sh -c {shlex.quote(command)}"]
    return "\n".join(lines) + "\n"
