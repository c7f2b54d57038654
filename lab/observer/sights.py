"""What the observer sees at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class ServerSight:
    """One server on one balancer, as `show stat` has it.

    Attributes:
        status: ``UP``, ``DOWN``, ``DRAIN``, ``MAINT`` and variants such as ``UP 1/2``.
        sessions: requests under way.
    """

    status: str
    sessions: int

    @property
    def taken_out(self) -> bool:
        """Whether somebody took it out of use, whatever its health."""
        return self.status.startswith(("DRAIN", "MAINT"))

    @property
    def serving(self) -> bool:
        """Whether it gets new requests."""
        return self.status.startswith(("UP", "no check"))


@dataclass(frozen=True)
class ProcessSight:
    """One process that changes a host.

    Attributes:
        pid: as the host numbers it.
        change: ``install``, ``dpkg``, ``reconfigure`` or ``migration``.
        command: its command line.
        operation: operation of the host job it belongs to; empty for what belongs to none.
    """

    pid: int
    change: str
    command: str
    operation: str


@dataclass(frozen=True)
class JobSight:
    """One attempt of a host job, as its folder on the host tells.

    Attributes:
        started: seconds since 1970.
        status: exit status; None while there is none.
        alive: its runner lives.
    """

    operation: str
    host: str
    step: str
    attempt: int
    started: float
    status: int | None
    alive: bool


@dataclass(frozen=True)
class UnpackSight:
    """One line of dpkg.log: the package's files begin to be replaced.

    Attributes:
        line: the whole line.
        old: version before; ``<none>`` for a first installation.
        new: version after.
    """

    line: str
    old: str
    new: str


@dataclass(frozen=True)
class HostSight:
    """One host.

    Attributes:
        on: it runs.
        package: version that dpkg has; empty if none.
        state: dpkg's status of the package, such as ``installed``.
        ready: whether its application calls itself ready; None if it gives no answer.
        processes: those that change it.
        jobs: all attempts on its disk.
        unpacked: what was unpacked since the look before.
        migration_logs: logs of migrations that a reconfigure began since the look before.
    """

    on: bool
    package: str = ""
    state: str = ""
    ready: bool | None = None
    processes: tuple[ProcessSight, ...] = ()
    jobs: tuple[JobSight, ...] = ()
    unpacked: tuple[UnpackSight, ...] = ()
    migration_logs: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatabaseSight:
    """The application's database.

    Attributes:
        applied: ids of the migrations it has.
        writers: (address, migration id) of each mark that was set since the look before, where the server's log tells.
    """

    applied: frozenset[str]
    writers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Look:
    """All of it at one moment; what could not be seen is None.

    Attributes:
        at: seconds since 1970.
        balancers: node → server → sight.
        journal: entries of the environment's journal, oldest first, as they stand there.
        kinds: migration id → ``regular`` or ``post``, from the packages seen so far.
    """

    at: float
    hosts: dict[str, HostSight]
    balancers: dict[str, dict[str, ServerSight] | None]
    database: DatabaseSight | None
    journal: tuple[dict[str, Any], ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)

    def servers(self, name: str) -> dict[str, ServerSight | None]:
        """Node → one server as that node has it; None where the node could not be asked."""
        return {node: None if rows is None else rows.get(name) for node, rows in self.balancers.items()}

    def serves(self, name: str) -> bool:
        """Whether every balancer sends requests to a server."""
        return all(sight is not None and sight.serving for sight in self.servers(name).values())


@dataclass(frozen=True)
class Breach:
    """One rule was broken.

    Attributes:
        rule: number of the safety rule.
        key: tells this breach from others, so that it is told once.
        moment: seconds since 1970.
        host: where; empty for the whole environment.
        what: one sentence.
        evidence: what was seen, line by line.
    """

    rule: int
    key: str
    moment: float
    host: str
    what: str
    evidence: tuple[str, ...]

    def described(self) -> dict[str, Any]:
        """The form that the verdict has."""
        return {
            "moment": told(self.moment),
            "host": self.host,
            "what": self.what,
            "evidence": list(self.evidence),
        }


def told(moment: float) -> str:
    """A moment as the verdict tells it: UTC, to the millisecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
