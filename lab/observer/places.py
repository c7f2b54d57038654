"""Where the observer finds each host's disk and processes, on either kind of lab."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

from lab.state import LabRecord, LabState


@dataclass(frozen=True)
class HostProcess:
    """One process of a host, as the host numbers it."""

    pid: int
    parent: int
    arguments: tuple[str, ...]
    folder: str


class Places:
    """The hosts of one lab, looked at from the machine beside SSH."""

    def __init__(self, state: LabState, record: LabRecord) -> None:
        self._state, self._record = state, record
        self._first: dict[str, psutil.Process] = {}

    def root(self, name: str) -> Path | None:
        """The folder that is the host's ``/`` here; None while the host is off."""
        if folder := self._record.hosts[name].root if name in self._record.hosts else "":
            return Path(folder)
        if (process := self._first_process(name)) is None:
            return None
        return Path(f"/proc/{process.pid}/root")

    def processes(self, name: str) -> list[HostProcess]:
        """All processes of a host."""
        if (root := self.root(name)) is None:
            return []
        if self._record.hosts[name].root:
            mark = f"TAKEOFF_HOST_ROOT={root}".encode()
            found = [
                pid for pid in _numbers(Path("/proc")) if mark in _bytes(Path(f"/proc/{pid}/environ")).split(b"\0")
            ]
            return [each for pid in found if (each := _process(Path("/proc"), pid))]
        table = root / "proc"
        return [each for pid in _numbers(table) if (each := _process(table, pid))]

    def _first_process(self, name: str) -> psutil.Process | None:
        from lab.real import namespaces  # Linux only

        known = self._first.get(name)
        if known is None or not known.is_running():
            self._first = namespaces.find(self._state.folder)
        return self._first.get(name)


def _numbers(table: Path) -> list[int]:
    try:
        return [int(each.name) for each in table.iterdir() if each.name.isdigit()]
    except OSError:  # the host has lost its power meanwhile
        return []


def _process(table: Path, pid: int) -> HostProcess | None:
    folder = table / str(pid)
    arguments = tuple(part.decode(errors="replace") for part in _bytes(folder / "cmdline").rstrip(b"\0").split(b"\0"))
    try:
        parent = int((folder / "stat").read_text().rpartition(") ")[2].split()[1])
        where = str((folder / "cwd").readlink())
    except (OSError, ValueError, IndexError):
        return None
    return HostProcess(pid, parent, arguments, where) if arguments != ("",) else None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
