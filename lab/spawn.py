"""Starts the lab's own processes, and waits for what they offer."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lab.state import Endpoint, LabError, LabState, ProcessRecord, process_record, running

FOLDER = "TAKEOFF_LAB_FOLDER"
"""Environment variable of every process of a lab: its folder, by which one is found that no record tells of."""

DEFAULT_SIGNALS = ("/usr/bin/env", "--default-signal")
"""Start of a command whose processes take every signal as after a boot.

An ignored signal is inherited, and a shell cannot trap what was ignored when it began (POSIX, Shell Command Language,
2.14 trap): under `nohup` services would never be told to reload, and in a script's background job nothing gets Ctrl-C.
"""

SOURCE = Path(__file__).resolve().parent.parent
"""Folder that holds the package ``lab``."""


def spawn(
    state: LabState, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
) -> ProcessRecord:
    """Start a process that outlives this one; its output goes to ``log/NAME.log``, its mark is ``FOLDER``."""
    with state.path("log", f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [*DEFAULT_SIGNALS, *command], env={**environment, FOLDER: str(state.folder)}, cwd=cwd or state.folder,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    return process_record(name, process.pid)


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of the lab with this interpreter, whatever the folder it is started in."""
    find = f"import runpy, sys; sys.path.insert(0, {str(SOURCE)!r})"
    return [
        sys.executable,
        "-c",
        f"{find}; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)",
        *arguments,
    ]


def wait_until(
    condition: Callable[[], bool],
    what: str,
    log: Path,
    timeout_seconds: float = 30,
    process: ProcessRecord | None = None,
) -> None:
    """Wait for a condition; no longer once the process that is to make it true has ended.

    Raises:
        LabError: it does not come true in time; has the end of the log, where the cause stands.
    """
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        ended = process is not None and running(process) is None
        if ended or time.monotonic() > deadline:
            late = "" if ended else f" within {timeout_seconds:.0f} s"
            raise LabError(f"{what} did not come up{late}; its log ends with:\n{_tail(log)}")
        time.sleep(0.03)


def answers(endpoint: Endpoint, path: str) -> bool:
    """Whether an HTTP GET is answered with a status below 400."""
    try:
        with urllib.request.urlopen(f"{endpoint.url}{path}", timeout=2) as answer:  # noqa: S310 - our own loopback
            return int(answer.status) < 400
    except (OSError, urllib.error.URLError):
        return False


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) or "(nothing)"
    except OSError:
        return f"(no log at {log})"
