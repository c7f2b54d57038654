"""Starts and ends the namespaces of lab hosts, and finds every process of a lab, also after a crash of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

import psutil

from lab.spawn import DEFAULT_SIGNALS
from lab.state import LabError

MARK = "TAKEOFF_REAL_LAB"
"""Environment variable that process 1 of every namespace carries; its value is the lab's folder.

Whatever was recorded or not when a lab crashed, its processes are found by it, and nobody else's are.
"""

BOOT = Path(__file__).with_name("boot.sh")


def spawn(folder: Path, *, part: str, namespaces: list[str], command: list[str], log: Path) -> IO[bytes]:
    """Start a command as process 1 of new namespaces, detached from this process.

    Args:
        folder: the lab's folder, for the mark.
        part: the name of the host, or of what else this is; ``find`` tells it.
        namespaces: options of unshare(1), without ``--pid`` and ``--fork``.
        command: what to run.
        log: gets its output.

    Returns:
        Its standard input.
    """
    with log.open("ab") as stream:
        started = subprocess.Popen(
            [*DEFAULT_SIGNALS, "setsid", "--fork", "unshare", "--pid", "--fork", "--kill-child", *namespaces, *command],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], MARK: str(folder), f"{MARK}_PART": part},
            cwd="/",
        )
    started.wait()  # `setsid --fork` returns at once, what it started belongs to nobody here
    assert started.stdin is not None
    return started.stdin


def find(folder: Path) -> dict[str, psutil.Process]:
    """Every part of a lab that runs: its name → process 1 of its namespaces, as this machine numbers it."""
    parts: dict[str, psutil.Process] = {}
    for process in _marked(folder):
        part = _environment(process.pid).get(f"{MARK}_PART", "")
        if process.pid and _namespace_pid(process.pid) == 1:
            parts[part] = process
    return parts


def await_parts(folder: Path, names: set[str], timeout_seconds: float = 20) -> dict[str, psutil.Process]:
    """Wait until process 1 of each named part is there.

    Raises:
        LabError: one did not come.
    """
    end = time.monotonic() + timeout_seconds
    while missing := names - (parts := find(folder)).keys():
        if time.monotonic() > end:
            raise LabError(
                f"{', '.join(sorted(missing))} did not start within {timeout_seconds:.0f} s; see {folder}/log"
            )
        time.sleep(0.02)
    return parts


def kill_all(folder: Path, timeout_seconds: float = 10) -> None:
    """End every process of a lab at once, and wait until the kernel has taken all of them down.

    Raises:
        LabError: something could not be ended in time.
    """
    end = time.monotonic() + timeout_seconds
    while processes := _marked(folder):
        if time.monotonic() > end:
            listed = ", ".join(str(process.pid) for process in processes)
            raise LabError(f"processes {listed} of the lab in {folder} do not end; look at them with `ps -fp`")
        for process in processes:
            kill(process)
        psutil.wait_procs(processes, timeout=1)


def kill(process: psutil.Process) -> None:
    """Send SIGKILL, unless the process has gone or its number belongs to another one meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGKILL)


def _marked(folder: Path) -> list[psutil.Process]:
    numbers = [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
    found = []
    for pid in numbers:
        if pid != os.getpid() and _environment(pid).get(MARK) == str(folder):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


def _environment(pid: int) -> dict[str, str]:
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # ended meanwhile, or a kernel thread
        return {}
    if MARK.encode() not in raw:
        return {}
    entries = (entry.partition("=") for entry in raw.decode(errors="replace").split("\0"))
    return {name: value for name, _, value in entries}


def _namespace_pid(pid: int) -> int | None:
    """The number that the process has in its own PID namespace."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    numbers = next((line for line in status.splitlines() if line.startswith("NSpid:")), "").split()[1:]
    return int(numbers[-1]) if len(numbers) > 1 else None
