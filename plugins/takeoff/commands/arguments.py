"""Arguments that many commands share, and what people may write in them."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import typer

Env = Annotated[
    str,
    typer.Argument(metavar="ENV", help="A name in config/environments (or $TAKEOFF_ENVIRONMENTS), or a file's path."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON; its schema is in docs/json.md.")]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="A package version; a short form is completed.")]
Skips = Annotated[
    list[str] | None,
    typer.Option("--skip", metavar="GATE=REASON", help="Pass a gate, with a reason that the journal keeps."),
]


def asking_user() -> str:
    """Say who asks, as the journal keeps it: ``user@machine``; behind sudo, whoever called it."""
    user = os.environ.get("SUDO_USER") or getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def env_first(first: str, second: str) -> tuple[str, str]:
    """Understand ``VERSION ENV`` as ``ENV VERSION``: if only the second is an environment, it is meant."""
    return (second, first) if is_environment(second) and not is_environment(first) else (first, second)


def is_environment(text: str) -> bool:
    """Whether a text names an environment that there is."""
    from takeoff.environment_files import SUFFIXES, environment_paths

    if text.endswith(SUFFIXES) or os.sep in text:
        return os.path.isfile(text)  # noqa: PTH113 - a path a person typed, asked for nothing else
    return any(path.stem == text for path in environment_paths())


def parse_skips(given: Iterable[str] | None) -> dict[str, str]:
    """Read the ``GATE=REASON`` pairs of ``--skip``; raises as :func:`parse_reasons`."""
    return parse_reasons("--skip", "GATE", given)


def parse_reasons(option: str, what: str, given: Iterable[str] | None) -> dict[str, str]:
    """Read pairs such as ``GATE=REASON``.

    Args:
        option: as it is typed: ``--skip``.
        what: what its left side names.
        given: the pairs.

    Raises:
        ConfigError: one has no ``=``, or something is named twice.
    """
    from takeoff.core.errors import ConfigError

    reasons: dict[str, str] = {}
    for text in given or ():
        name, equals, reason = text.partition("=")
        if not equals or not reason.strip():
            raise ConfigError(
                f"{option} {text}: write it as {what}=REASON: {option} {name or what.lower()}='why it may pass'"
            )
        if name in reasons:
            raise ConfigError(f"{option} {name}: given twice")
        reasons[name.strip()] = reason.strip()
    return reasons


def parse_lasting(text: str | None) -> timedelta | None:
    """Read a duration option; None if it was not given.

    Raises:
        ConfigError: it is no duration.
    """
    from takeoff.core.errors import ConfigError
    from takeoff.core.strict_model import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"--for: {error}") from None
