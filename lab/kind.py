"""What a kind of lab must do: the contract that ``process`` and ``real`` share, and all other lab code relies on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.state import LabRecord, LabState


@dataclass(frozen=True)
class HostResult:
    """What a script that ran on a host left: its exit status (negative: the signal that ended it) and its output."""

    status: int
    output: str


@dataclass(frozen=True)
class Fault:
    """One way to break a lab on purpose, and to mend it. Both can be repeated safely.

    Attributes:
        name: what a person types after ``break`` and ``mend``.
        summary: the effect, in a few words.
        on_host: whether it needs the name of a host; otherwise ``apply`` and ``lift`` get an empty text.
        apply: breaks.
        lift: mends.
    """

    name: str
    summary: str
    on_host: bool
    apply: Callable[[str], None]
    lift: Callable[[str], None]


class Publisher(Protocol):
    """Where a lab publishes versions of the package."""

    def publish(self, version: str, size_bytes: int = 0) -> Path:
        """Build a version, add it and sign the index anew; the package's file. The same version again is a no-op."""
        ...

    def withdraw(self, version: str) -> None:
        """Take a version out of the repository; one that is not there is a no-op."""
        ...

    def versions(self) -> list[str]:
        """The published versions, in no particular order."""
        ...


class LabKind(Protocol):
    """A way to make hosts out of one machine.

    A kind is made for one folder: ``ProcessKind(state)``. The caller holds the folder's lock around ``start``, ``stop``
    and the power switches.

    Every host offers what DESIGN calls a host: SSH for the user ``takeoff`` with a checked host key, POSIX sh, apt and
    dpkg, ``gitlab-ctl`` and ``gitlab-rake`` once the package is installed, ``curl http://localhost/`` for the
    application of that host. A host's root folder on this machine, if it has one, is exported to every session as
    ``TAKEOFF_HOST_ROOT`` and stands before every absolute path; kinds with real root file systems do not set it.
    """

    name: str

    def start(self, record: LabRecord) -> LabRecord:
        """Bring up hosts, balancers, repository, database, Alertmanager and GitLab for ``record.layout``.

        Idempotent: what runs already is left alone, what is missing is started, on the same addresses. No package is
        installed by it.

        Returns:
            The record with every address filled in.

        Raises:
            LabError: something could not be started; names it and where its log is.
        """
        ...

    def stop(self, record: LabRecord) -> None:
        """End every process, mount and namespace of the lab, also after a crash of it. Files in the folder remain."""
        ...

    def run(self, host: str, script: str, timeout_seconds: float = 120) -> HostResult:
        """Run a sh script on a host or balancer node as its administrator, beside SSH: the hand of whoever breaks it.

        ``TAKEOFF_HOST_ROOT`` is set as for sessions. Works also while the host's SSH server is broken on purpose.
        """
        ...

    def power_off(self, host: str) -> None:
        """Cut the power: every process of the host ends at once without notice, its disk stays. Safe to repeat."""
        ...

    def power_on(self, host: str) -> None:
        """Boot the host: SSH, and the services of an installed package, come up. Safe to repeat."""
        ...

    def copy_package(self, source: str, hosts: Sequence[str]) -> bool:
        """Give hosts the package that another one has, with its state in dpkg and apt, as if made from one image.

        Returns:
            False, and nothing done, where installing it is as fast.
        """
        ...

    @property
    def repository(self) -> Publisher:
        """The package repository of the running lab."""
        ...

    def faults(self) -> Mapping[str, Fault]:
        """The faults that only this kind can make, by name; the others are in ``lab.faults``."""
        ...


def open_kind(name: str, state: LabState) -> LabKind:
    """The kind of that name for a lab's folder.

    Raises:
        ValueError: there is no such kind.
    """
    if name == "process":
        from lab.process.kind import ProcessKind

        return ProcessKind(state)
    if name == "real":
        from lab.real.kind import RealKind

        return RealKind(state)
    raise ValueError(f"no kind of lab is called {name!r}; there are `process` and `real`")
