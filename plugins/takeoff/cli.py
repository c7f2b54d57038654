"""The ``takeoff`` command: the engine without Airflow, to look, to act when Airflow is gone, and for scripts."""

from __future__ import annotations

import os
import sys

import typer

from takeoff.commands import (
    chatting,
    checking,
    converging,
    deploying,
    holding,
    journal,
    lease,
    looking,
    packages,
    plan,
    rolling_back,
)

DEBUG = "TAKEOFF_DEBUG"
"""Set to anything: errors are shown with their traceback."""

DONE, FAILED, WRONG_USAGE, REFUSED = 0, 1, 2, 3

app = typer.Typer(
    name="takeoff",
    help="Deploys a package to an environment of many hosts. The same engine, lease and journal as the Airflow DAGs: "
    "either can finish what the other began.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit status: 0 done, 1 failed or stopped by a person, 2 wrong usage or environment file, 3 refused (gate, "
    "lease, verdict).",
)
LOOKING = (looking, packages, plan, journal, lease, checking)
ACTING = (deploying, converging, rolling_back, holding, chatting)
for group in (*LOOKING, *ACTING):
    group.register(app)


def main() -> None:
    """Run the command; every mistake of a person, and every failure, ends in one sentence and an exit status."""
    try:
        app()
    except KeyboardInterrupt:
        _end("interrupted: what runs on hosts runs on; the same command again goes on with it", FAILED)
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`): nothing is wrong, and nobody reads a message.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        _end(*told(error))


def told(error: Exception) -> tuple[str, int]:
    """Say an error, and what exit status it means."""
    from takeoff.core.errors import ConfigError, Refused, TakeoffError, VersionError

    if isinstance(error, ConfigError | VersionError):
        return str(error), WRONG_USAGE
    if isinstance(error, Refused):
        return str(error), REFUSED
    if isinstance(error, TakeoffError):
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        return f"{error}{notes}", FAILED
    return f"a fault in takeoff itself: {type(error).__name__}: {error} (with {DEBUG}=1 it shows where)", FAILED


def _end(message: str, status: int) -> None:
    sys.stderr.write(f"takeoff: {message}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
