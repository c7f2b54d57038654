"""Processes that outlive the Python process that starts them, and are found again after a crash of it.

Each writes a record of itself before it becomes the program it is to run, so that no moment exists in which it runs
unrecorded. A record names the boot, the process id and the start time in clock ticks: only together do they name one
process, since ids are used again. Linux only (``/proc``).
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
RECORD_THEN_EXEC = f"""
read -r boot <{BOOT_ID}
read -r stat </proc/$$/stat
printf '%s\\n%s\\n' "$boot" "$stat"
exec "$@" >&2
"""
"""POSIX sh: writes the record to standard output, then becomes the command; neither id nor start time changes.

The record is opened by us, not by the process: one that runs as another user could otherwise name any victim in it.
"""


def _start_ticks(stat: str) -> int:
    """Read field 22 of ``/proc/<pid>/stat`` (proc(5)); field 2, in brackets, may itself hold blanks and brackets."""
    return int(stat.rpartition(")")[2].split()[19])


@dataclass(frozen=True)
class RecordedProcess:
    """One process named by its record.

    Attributes:
        record: the file.
        boot: the kernel's id of the boot during which it started.
        pid: its process id, which is its session's id too.
        start_ticks: when it started, in clock ticks since that boot.
    """

    record: Path
    boot: str
    pid: int
    start_ticks: int

    @classmethod
    def read(cls, record: Path) -> RecordedProcess | None:
        """Read a record; nothing if there is none, or none yet."""
        try:
            boot, stat = record.read_text().splitlines()
        except (FileNotFoundError, ValueError):
            return None
        return cls(record, boot, int(stat.split()[0]), _start_ticks(stat))

    def is_alive(self) -> bool:
        """Tell whether that very process runs: not a zombie, and not another one that was given its id."""
        stat = self._stat_now()
        return bool(stat) and _start_ticks(stat) == self.start_ticks and stat.rpartition(")")[2].split()[0] not in "ZX"

    def family(self) -> list[psutil.Process]:
        """List the process, all that descends from it, and all that is left of its session."""
        if self.boot != BOOT_ID.read_text().strip():
            return []
        stat = self._stat_now()
        if stat and _start_ticks(stat) != self.start_ticks:
            return []  # The kernel gives an id away again only when no session bears it: nothing of ours is left.
        members: dict[int, psutil.Process] = {}
        for process in psutil.process_iter():
            with suppress(ProcessLookupError):
                if process.pid == self.pid or os.getsid(process.pid) == self.pid:
                    members[process.pid] = process
        for process in list(members.values()):
            with suppress(psutil.NoSuchProcess):
                members |= {child.pid: child for child in process.children(recursive=True)}
        return [process for process in members.values() if process.pid != os.getpid()]

    def _stat_now(self) -> str:
        """Read what the kernel says of the process that has this id now; empty if none has, or after a reboot."""
        if self.boot != BOOT_ID.read_text().strip():
            return ""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return ""


def record_self(record: Path) -> None:
    """Record the calling process; before it leaves the session of one that is recorded, so that it never is lost."""
    record.write_text(BOOT_ID.read_text() + Path("/proc/self/stat").read_text())


def spawn(
    command: Sequence[str], *, record: Path, log: Path, env: Mapping[str, str], cwd: Path, user: str | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, that records itself.

    Args:
        command: program and arguments.
        record: file for its record.
        log: file that standard output and standard error are appended to.
        env: its whole environment.
        cwd: its working directory.
        user: name of the user to run as, without any group but its own; ours when not given.
    """
    account = pwd.getpwnam(user) if user else None
    with record.open("wb") as recorded, log.open("ab") as output:
        return subprocess.Popen(
            ["/bin/sh", "-c", RECORD_THEN_EXEC, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=recorded,
            stderr=output,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
        )


def stop(records: Iterable[Path], *, politely: signal.Signals, patience: float) -> None:
    """End the recorded processes with all that belongs to them, and remove the records.

    Args:
        records: files of records; one that is missing, or names a process that is gone, is no error.
        politely: the signal that the program takes as a request to end.
        patience: seconds that they get for it together, before they are killed.
    """
    known = [process for record in records if (process := _read_settled(record))]
    everyone = {member for process in known for member in process.family()}
    for process in known:
        if process.is_alive():
            os.kill(process.pid, politely)
    left = _wait_until_gone(everyone, patience) | {member for process in known for member in process.family()}
    for member in left:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    _wait_until_gone(left, patience)
    for process in known:
        process.record.unlink(missing_ok=True)


def _read_settled(record: Path, patience: float = 1.0) -> RecordedProcess | None:
    """Read a record; one that is empty yet is being written, by a process whose starter was killed this moment."""
    deadline = time.monotonic() + patience
    while not (process := RecordedProcess.read(record)) and record.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


def _wait_until_gone(waited_for: set[psutil.Process], patience: float) -> set[psutil.Process]:
    """Wait for processes to end; return those that have not.

    A zombie has ended: it only waits for its parent, or for the machine's first process, to take notice.
    """
    deadline = time.monotonic() + patience
    left = waited_for
    while (left := {process for process in left if _runs(process)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False
