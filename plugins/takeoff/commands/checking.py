"""`takeoff validate`, `schema` and `doctor`: whether file, logins, keys and sources are in order."""

from __future__ import annotations

import asyncio
import json as json_text
from typing import Annotated

import typer

from takeoff.commands.arguments import Env, Json
from takeoff.commands.console import print_json, say

FAILED = 1
"""Exit status when the doctor found something."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(validate)
    app.command()(schema)
    app.command()(doctor)


def validate(
    env: Annotated[str, typer.Argument(metavar="[ENV]", help="A name or a file's path; all of them if absent.")] = "",
) -> None:
    """Whether the environment file is valid; every mistake with its line and field."""
    from takeoff.core.environment_warnings import warnings_of
    from takeoff.core.errors import ConfigError
    from takeoff.environment_files import BrokenEnvironment, environments_folder, load_environment, load_environments

    found = list(load_environments()) if not env else [load_environment(env)]
    problems: list[str] = []
    for one in found:
        if isinstance(one, BrokenEnvironment):
            problems += one.error.problems
            continue
        say(f"{one.path}: valid: {one.environment.name}, {_count(len(one.environment.fleet))}")
        for warning in warnings_of(one.environment):
            say(f"  warning: {warning}")
    if problems:
        raise ConfigError(*problems)
    if not found:
        raise ConfigError(f"{environments_folder()}: no environment file is there")


def schema() -> None:
    """The environment file's JSON Schema, for editors."""
    from takeoff.core.environment import Environment

    say(json_text.dumps(Environment.model_json_schema(), indent=2))


def doctor(env: Env, json: Json = False) -> None:
    """Whether connections, keys, hosts and sources answer; changes nothing."""
    from takeoff.engine.doctor import examine_environment
    from takeoff.engine.shell_credentials import ShellCredentials
    from takeoff.environment_files import load_environment

    found = asyncio.run(examine_environment(load_environment(env), ShellCredentials()))
    if json:
        print_json(found)
    else:
        for check in found.checks:
            say(f"  {'✓' if check.good else '✗'} {check.name}: {check.message}")
    if not found.good:
        raise typer.Exit(FAILED)


def _count(hosts: int) -> str:
    return f"{hosts} hosts named" if hosts != 1 else "1 host named"
