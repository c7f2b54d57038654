"""The one folder that a lab lives in: its record ``lab.json``, its lock, and the processes it started."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from pydantic import BaseModel, Field

from lab.layout import Layout

RECORD = "lab.json"


class LabError(Exception):
    """A person must act: one clear sentence about what is wrong with the lab and what to do next."""


class Endpoint(BaseModel):
    """Where something listens."""

    address: str
    port: int

    @property
    def url(self) -> str:
        """The same as the root of HTTP addresses, without a slash at the end."""
        return f"http://{self.address}:{self.port}"


class HostRecord(BaseModel):
    """How one host or balancer node is reached.

    Attributes:
        ssh: its SSH server.
        http: the application (web, git), or the health endpoint (gitaly, sidekiq), or a balancer's front for ``web``.
        root: folder on this machine that the host sees as its ``/``; empty where it has a root file system of its own.
    """

    ssh: Endpoint
    http: Endpoint
    root: str = ""


class ProcessRecord(BaseModel):
    """One process that the lab started; the start time tells it from a later one with the same number."""

    name: str
    pid: int
    started: float


class LabRecord(BaseModel):
    """What ``lab.json`` holds: all that a command, a test or the environment file needs to reach the lab.

    Attributes:
        kind: ``process`` or ``real``.
        hosts: host or balancer name → how it is reached.
        fronts: backend name → where users reach it on the first balancer.
        settings: what only the kind itself reads (tokens, namespaces, …).
    """

    kind: str
    layout: Layout
    hosts: dict[str, HostRecord] = Field(default_factory=dict)
    fronts: dict[str, Endpoint] = Field(default_factory=dict)
    ssh_user: str = "takeoff"
    ssh_identity: str = ""
    known_hosts: str = ""
    repository: Endpoint | None = None
    repository_suite: str = "bookworm"
    repository_keyring: str = ""
    alertmanager: Endpoint | None = None
    gitlab: Endpoint | None = None
    gitlab_token: str = ""
    gitlab_project: str = "quality/staging"
    database: Endpoint | None = None
    processes: list[ProcessRecord] = Field(default_factory=list)
    settings: dict[str, str] = Field(default_factory=dict)


class LabState:
    """A lab's folder. Hold ``lock()`` around every change; reading needs no lock, as files are replaced whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    @property
    def exists(self) -> bool:
        """Whether a lab was made here and not taken down."""
        return (self.folder / RECORD).is_file()

    @contextmanager
    def lock(self, timeout_seconds: float = 120) -> Iterator[None]:
        """Hold the lock that one lab command holds at a time.

        Raises:
            LabError: another lab command works in the folder for longer than the timeout.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self.folder / "lab.lock")
        try:
            lock.acquire(timeout=timeout_seconds)
        except Timeout:
            raise LabError(
                f"{self.folder}: another lab command is at work here for more than {timeout_seconds:.0f} s; "
                "wait for it, or end it and try again"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def read(self) -> LabRecord:
        """The record.

        Raises:
            LabError: no lab here, or its record is unreadable.
        """
        try:
            return LabRecord.model_validate_json((self.folder / RECORD).read_bytes())
        except FileNotFoundError:
            raise LabError(f"{self.folder}: no lab is up here; start one with `python -m lab up`") from None
        except ValueError as error:
            raise LabError(f"{self.folder / RECORD}: unreadable ({error}); remove the folder and start anew") from None

    def write(self, record: LabRecord) -> None:
        """Replace the record as a whole, readable by its owner only: it holds tokens."""
        write_file(self.folder / RECORD, record.model_dump_json(indent=2).encode() + b"\n", mode=0o600)

    def path(self, *parts: str) -> Path:
        """A path in the folder, whose parent exists afterwards."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def write_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file at once, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(content)
    Path(temporary).replace(path)


def read_fault(state: LabState, name: str) -> str:
    """The text of a fault of what stands beside the hosts, empty when it is not in force."""
    try:
        return (state.folder / "faults" / name).read_text().strip()
    except OSError:
        return ""


def process_record(name: str, pid: int) -> ProcessRecord:
    """Note a process that the lab has just started."""
    return ProcessRecord(name=name, pid=pid, started=psutil.Process(pid).create_time())


def running(record: ProcessRecord) -> psutil.Process | None:
    """The recorded process if it still lives; None if it ended, also when its number now belongs to another."""
    try:
        process = psutil.Process(record.pid)
        return process if abs(process.create_time() - record.started) < 0.05 and lives(process) else None
    except psutil.NoSuchProcess:
        return None


def lives(process: psutil.Process) -> bool:
    """Whether a process still does something. One that has ended may stay a zombie until the machine's init looks."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_ended(processes: list[psutil.Process], timeout_seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended; those that have not in time."""
    deadline = time.monotonic() + timeout_seconds
    while (alive := [process for process in processes if lives(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def end_processes(records: list[ProcessRecord], grace_seconds: float = 5) -> None:
    """End recorded processes, at first politely; ones that are gone already, or were replaced, are left alone."""
    alive = [process for record in records if (process := running(record))]
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    kill_processes(wait_ended(alive, grace_seconds))


def kill_processes(processes: list[psutil.Process]) -> None:
    """Kill processes at once and wait until they are gone."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait_ended(processes, 5)
