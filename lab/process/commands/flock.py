"""flock(1) for machines that have none."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time


def main(arguments: list[str]) -> int:
    """Lock a file for a command, or an open file descriptor; 1 when the lock is not to be had."""
    kind, wait, conflict, rest = fcntl.LOCK_EX, None, 1, list(arguments)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        for letter in option[1:]:
            if letter == "s":
                kind = fcntl.LOCK_SH
            elif letter == "u":
                kind = fcntl.LOCK_UN
            elif letter == "n":
                wait = 0.0
            elif letter == "w":
                wait = float(rest.pop(0))
            elif letter == "E":
                conflict = int(rest.pop(0))
    target, command = rest[0], rest[1:]
    descriptor = int(target) if target.isdigit() and not command else os.open(target, os.O_RDWR | os.O_CREAT, 0o644)
    if not _take(descriptor, kind, wait):
        return conflict
    if not command:
        return 0
    if command[0] == "-c":
        command = ["/bin/sh", *command]
    os.set_inheritable(descriptor, True)  # as in flock(1): the lock lasts while a child keeps it open
    sys.stdout.flush()
    return subprocess.call(command, close_fds=False)


def _take(descriptor: int, kind: int, wait: float | None) -> bool:
    if wait is None:
        fcntl.flock(descriptor, kind)
        return True
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.05)
