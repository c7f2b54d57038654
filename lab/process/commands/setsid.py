"""setsid(1) for machines that have none."""

from __future__ import annotations

import os
import sys


def main(arguments: list[str]) -> int:  # noqa: RET503 - the last line never returns
    """Run a command as the leader of a new session; with -w wait for it."""
    wait, command = False, list(arguments)
    while command and command[0].startswith("-"):
        wait |= command.pop(0) in ("-w", "--wait")
    if not command:
        print("setsid: no command specified", file=sys.stderr)
        return 1
    if os.getpgrp() == os.getpid() and (child := os.fork()):
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if wait else 0
    os.setsid()
    os.execvp(command[0], command)  # noqa: S606
