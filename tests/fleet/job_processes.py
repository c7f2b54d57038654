"""Ends what a test's host jobs left running, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil


def job_groups(folder: Path) -> set[int]:
    """Process groups of all attempts below a folder that still have a process other than a zombie."""
    leaders = {int(text.split()[0]) for file in folder.rglob("pid") if (text := file.read_text()).strip()}
    living = set()
    for process in psutil.process_iter(["status"]) if leaders else ():
        if process.info["status"] not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            with contextlib.suppress(ProcessLookupError):
                living.add(os.getpgid(process.pid))
    return leaders & living


def end_jobs(folder: Path) -> None:
    for group in job_groups(folder) - {os.getpgrp()}:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
