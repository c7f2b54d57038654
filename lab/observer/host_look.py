"""Looks at one host: its package, its jobs, what changes it right now, and whether its application is ready."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from lab.observer.places import HostProcess, Places
from lab.observer.sights import HostSight, JobSight, ProcessSight, UnpackSight
from lab.state import Endpoint

PACKAGE = "gitlab-ee"
STATE = "var/lib/takeoff"
"""Where hosts keep the folders of environments, and in each the folder ``jobs``."""

_JOB = re.compile(r"/jobs/(?P<operation>[^/ ]+)/[^/ ]+/[^/ ]+/\d+")
_LOG = re.compile(rf"^\S+ \S+ (?:upgrade|install) {PACKAGE}(?::\w+)? (?P<old>\S+) (?P<new>\S+)$")
_INTERPRETERS = ("sh", "dash", "bash")
_MIGRATIONS = ("db:migrate", "gitlab:db:configure")


class HostLooker:
    """Looks at one host again and again; remembers how far it has read.

    Args:
        name: of the host.
        places: where to find it.
        http: where its application answers.
    """

    def __init__(self, name: str, places: Places, http: Endpoint) -> None:
        self._name, self._places, self._http = name, places, http
        self._status_read: tuple[int, int] | None = None
        self._package = ("", "")
        self._log_size: int | None = None
        self._migration_logs: set[str] | None = None
        self._finished: dict[Path, JobSight] = {}

    def look(self) -> HostSight:
        """Look once."""
        root = self._places.root(self._name)
        if root is None:
            return HostSight(on=False)
        table = {each.pid: each for each in self._places.processes(self._name)}
        version, state = self._read_package(root)
        return HostSight(
            on=True,
            package=version,
            state=state,
            ready=self._ask_readiness(),
            processes=tuple(_changing(table)),
            jobs=tuple(self._jobs(root, table)),
            unpacked=tuple(self._new_unpacks(root)),
            migration_logs=tuple(self._new_migration_logs(root)),
        )

    def _read_package(self, root: Path) -> tuple[str, str]:
        path = root / "var/lib/dpkg/status"
        try:
            now = path.stat()
            if self._status_read != (now.st_mtime_ns, now.st_ino):
                self._package = package_of(path.read_text(errors="replace"))
                self._status_read = (now.st_mtime_ns, now.st_ino)
        except OSError:  # replaced at this moment, or never written: what was known stays
            pass
        return self._package

    def _ask_readiness(self) -> bool | None:
        try:
            url = f"{self._http.url}/-/readiness"
            with urllib.request.urlopen(url, timeout=0.4) as answer:  # noqa: S310 - a host of the lab
                return bool(answer.status == 200)
        except urllib.error.HTTPError:
            return False
        except OSError:
            return None

    def _jobs(self, root: Path, table: dict[int, HostProcess]) -> Iterable[JobSight]:
        for folder in (root / STATE).glob("*/jobs/*/*/*/[0-9]*"):
            if folder in self._finished:
                yield self._finished[folder]
                continue
            job = _read_job(folder, table)
            if job is not None:
                if job.status is not None and not job.alive:
                    self._finished[folder] = job
                yield job

    def _new_unpacks(self, root: Path) -> Iterable[UnpackSight]:
        path = root / "var/log/dpkg.log"
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        read, self._log_size = self._log_size, content.rfind(b"\n") + 1
        if read is not None:
            for line in content[read : self._log_size].decode(errors="replace").splitlines():
                if match := _LOG.match(line):
                    yield UnpackSight(line, match["old"], match["new"])

    def _new_migration_logs(self, root: Path) -> Iterable[str]:
        now = {path.name for path in (root / "var/log/gitlab/gitlab-rails").glob("gitlab-rails-db-migrate-*.log")}
        known, self._migration_logs = self._migration_logs, now
        return sorted(now - known) if known is not None else ()


def package_of(status: str) -> tuple[str, str]:
    """(version, state) of the package in dpkg's status file; empty if it does not know it."""
    match = re.search(rf"^Package: {PACKAGE}\n(?:.+\n?)*", status, re.MULTILINE)
    if match is None:
        return "", ""
    fields = dict(line.split(": ", 1) for line in match[0].splitlines() if ": " in line and line[0] != " ")
    return fields.get("Version", ""), fields.get("Status", "").rpartition(" ")[2]


def change_of(arguments: tuple[str, ...]) -> str | None:
    """Which change a command line makes to its host; None for one that makes none."""
    words = list(arguments)
    name = Path(words[0]).name
    if name.startswith("python") or name in _INTERPRETERS:
        script = next((index for index, word in enumerate(words[1:], 1) if not word.startswith("-")), None)
        if script is None or "-c" in words[:script]:
            return None
        words = words[script:]
        name = Path(words[0]).name
    if name in ("rake.py", "gitlab-rake") and any(task in words for task in _MIGRATIONS):
        return "migration"
    if name == "reconfigure.py" or (name == "gitlab-ctl" and "reconfigure" in words):
        return "reconfigure"
    if name in ("apt-get", "apt") and "install" in words and not {"-d", "--download-only"} & set(words):
        return "install"
    if name == "dpkg" and {"--unpack", "--configure", "--install", "-i", "--remove"} & set(words):
        return "dpkg"
    return None


def _changing(table: dict[int, HostProcess]) -> Iterable[ProcessSight]:
    for process in table.values():
        if change := change_of(process.arguments):
            yield ProcessSight(process.pid, change, " ".join(process.arguments), _operation_of(process, table))


def _operation_of(process: HostProcess | None, table: dict[int, HostProcess]) -> str:
    """The operation whose host job a process belongs to: it or one of its parents runs in or names the job's folder."""
    while process is not None:
        if match := _JOB.search(" ".join((process.folder, *process.arguments))):
            return match["operation"]
        process = table.get(process.parent)
    return ""


def _read_job(folder: Path, table: dict[int, HostProcess]) -> JobSight | None:
    try:
        started = float((folder / "started").read_text())
    except (OSError, ValueError):
        return None  # only just being made
    status = _number(folder / "rc")
    runner = _number(folder / "pid")
    alive = status is None and runner in table
    operation, host, step, attempt = folder.parts[-4:]
    return JobSight(operation, host, step, int(attempt), started, status, alive)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
