"""What ``fleet`` is built against: hosts, time, the lease and the journal.

The rest of ``fleet`` touches no socket and no clock except through these four, so that a simulation runs the
production code. Real ones: :mod:`takeoff.fleet.connections`, :mod:`takeoff.fleet.clock`, :mod:`takeoff.fleet.lease`,
:mod:`takeoff.fleet.journal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from takeoff.core.journal_entries import EntryBody
from takeoff.core.operation import Driver, Lease, Operation, OperationDraft, Outcome
from takeoff.core.record import Record


@dataclass(frozen=True)
class Completed:
    """What a script did on a host.

    Attributes:
        host: name of the host.
        exit_status: 0 to 255; negative is the number of the signal that ended it.
        stdout: its standard output, undecoded.
        stderr: its standard error, undecoded.
    """

    host: str
    exit_status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are shown as such."""
        return self.stdout.decode("utf-8", "backslashreplace")

    @property
    def error_text(self) -> str:
        """Standard error as text; bytes that are no UTF-8 are shown as such."""
        return self.stderr.decode("utf-8", "backslashreplace")


class Transport(Protocol):
    """Runs POSIX sh scripts on hosts, over connections that are kept."""

    async def run(
        self, host: str, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", timeout_s: float = 60.0
    ) -> Completed:
        """Run a script as root (or as the environment's ``ssh.become`` says) on a host.

        Args:
            host: name in the environment; balancer nodes and the blessed node are hosts too.
            script: text for ``sh``; what is not constant in it is quoted already.
            arguments: the script's ``$1``, ``$2``, … as they are: no quoting needed.
            stdin: what the script reads from its standard input.
            timeout_s: seconds until the connection is given up; the script may live on.

        Returns:
            Its end, whatever the exit status.

        Raises:
            HostUnreachable: no connection, the connection broke, or the time is over.
            HostKeyRejected: the host's key is not the known one.
            HostLoginRejected: the host does not let us in, or not become root.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for measuring."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        ...


class JournalMoved(Exception):
    """Somebody appended since the record was read; read again and decide again."""


class Journal(Protocol):
    """The environment's own record, kept on the authority (the blessed node)."""

    async def read(self) -> Record:
        """Fold the whole journal, its chain of hashes verified; cheap when little came since the last call.

        Raises:
            HostUnreachable: the authority gives no answer.
            AuthorityDoubtful: a line was changed or is missing.
        """
        ...

    async def append(
        self, *bodies: EntryBody, by: str, after: Record, operation: str | None = None, epoch: int | None = None
    ) -> Record:
        """Add entries in one step, durable when this returns.

        Args:
            bodies: what happened, in order.
            by: who did it: Airflow user, chat user, or user@machine.
            after: the record on which the decision was made.
            operation: id of the operation it belongs to.
            epoch: the driver's; entries that no driver makes (a hold) have none.

        Returns:
            The record with the entries in it.

        Raises:
            JournalMoved: there are newer entries than ``after``.
            HostUnreachable: no answer; the entries may or may not be in the journal: read it.
        """
        ...


class LeaseStore(Protocol):
    """The right to change the environment."""

    async def open(
        self, draft: OperationDraft, driver: Driver, *, check: Callable[[Record], None], takes_over: str | None = None
    ) -> Lease:
        """Open an operation and take the lease, in one step with the look at the record.

        Args:
            draft: what the operation pins, without its id.
            driver: who will act.
            check: raises :class:`~takeoff.core.errors.Refused` if the record forbids it; called on the record that the
                operation is then appended to, and again whenever that record moved meanwhile.
            takes_over: id of the open operation that ends by this; without it an open one refuses.

        Raises:
            LeaseHeld: another operation is open.
            Refused: what ``check`` said.
            AuthorityDoubtful: the journal cannot be trusted.
        """
        ...

    async def drive(self, operation_id: str, driver: Driver) -> Lease:
        """Become the operation's driver: a new epoch, higher than all before.

        Raises:
            Superseded: the operation is closed, or never was; or another driver began between this one's first look
                at the journal and its own entry, as when this process was frozen.
        """
        ...

    async def close(self, lease: Lease, outcome: Outcome, *, by: str, bodies: Sequence[EntryBody] = ()) -> Record:
        """End the operation and give the lease back, together with ``bodies`` in one step.

        Raises:
            Superseded: another driver or operation has taken over.
        """
        ...


class Progress(Protocol):
    """Where an operator watches: log lines, a progress bar, the fleet page."""

    def host(self, host: str, step: str, detail: str = "") -> None:
        """Tell that a host has come to a step (``draining``, ``installing``, ``healthy``, ``failed``, …)."""
        ...

    def line(self, text: str) -> None:
        """Tell anything else, one line."""
        ...


__all__ = ["Clock", "Completed", "Journal", "JournalMoved", "LeaseStore", "Operation", "Progress", "Transport"]
