"""Takeoff's errors: one class for each reaction of the caller.

Every message is one sentence for an operator: what was wrong, where, what was expected, what to do next. The
operators' retry policy (``operators/retry.py``) and the command's exit status follow from the class alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from takeoff.core.reports import RolloutReport

TAIL_LIMIT = 2000
"""Characters of a command's output that an error keeps: the end, where the cause stands."""


class TakeoffError(Exception):
    """Base of all; catch it to show its message instead of a traceback.

    Attributes:
        report: what became of each host, where the error ended a rollout or a warmup.
    """

    report: RolloutReport | None = None


class ConfigError(TakeoffError, ValueError):
    """The environment file, an argument or a connection is wrong: a person must correct it, a retry cannot help.

    Attributes:
        problems: one sentence each, with file, line and field where known.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class VersionError(TakeoffError, ValueError):
    """A text is no acceptable package version, or no source holds that version."""


class HostError(TakeoffError):
    """Something failed on, or on the way to, one host.

    Attributes:
        host: the host's name in the environment file.
        attempt: number of the host job's attempt that failed; 0 if none did.
    """

    attempt: int = 0

    def __init__(self, host: str, message: str) -> None:
        self.host = host
        super().__init__(f"{host}: {message}")


class HostUnreachable(HostError):
    """No SSH connection, or it broke before the answer: worth another try; what ran on the host is unknown."""


class HostUnfenced(HostUnreachable):
    """The host knows no driver, or has forgotten all: it changes nothing until the next try has announced itself."""


class HostKeyRejected(HostError):
    """The host's key is unknown or changed: never tried again before a person has looked."""


class HostLoginRejected(HostError):
    """The host refused our key, or becoming root: never tried again before a person has looked."""


class CommandFailed(HostError):
    """A command ran and exited non-zero, or was ended by a signal.

    Attributes:
        command: what ran, for people.
        exit_status: the status; negative is the number of the signal that ended it.
        output_tail: last 2000 characters of its output, standard error included.
        advice: where to look, and what to do; perhaps nothing.
    """

    def __init__(self, host: str, command: str, exit_status: int, output: str, advice: str = "") -> None:
        self.advice = advice
        self.command = command
        self.exit_status = exit_status
        self.output_tail = output[-TAIL_LIMIT:].strip()
        how = f"was ended by signal {-exit_status}" if exit_status < 0 else f"exited {exit_status}"
        said = f": {self.output_tail}" if self.output_tail else " without a word"
        super().__init__(host, f"{command} {how}{said}{' — ' + advice if advice else ''}")


class MigrationFailed(CommandFailed):
    """A database migration failed: never tried again by itself, because a person must look first."""


class JobLost(HostError):
    """A host job began and ended without a result (reboot, killed): how far it came must be looked at.

    Attributes:
        job: id of the job.
    """

    def __init__(self, host: str, job: str, message: str) -> None:
        self.job = job
        super().__init__(host, message)


class CheckFailed(TakeoffError):
    """Something was done, looked at again, and is not as it must be (readiness, version, drain, alerts, QA)."""


class FloorReached(CheckFailed):
    """Going on would leave fewer serving hosts than the floor: nothing was begun; repair a host and try again."""


class Halted(CheckFailed):
    """A person asked for it: what was in flight was finished, nothing else was begun, until they let it go on."""


class Interrupted(TakeoffError):
    """The process was told to end: hosts in flight were finished, none begun; another process may go on at once."""


class BudgetSpent(CheckFailed):
    """More hosts failed than the failure budget allows: the rollout stopped; repair them and try the task again."""


class Refused(TakeoffError):
    """A rule forbids it now: what blocks, since when, who holds it and what lifts it. Exit status 3.

    Attributes:
        name: the refusal's name, as ``--skip`` and ``--force`` take it (``paused``, ``lease``, ``freeze``, …).
    """

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class LeaseHeld(Refused):
    """Another operation holds the environment's lease.

    Attributes:
        holder: id of that operation.
    """

    def __init__(self, holder: str, message: str) -> None:
        self.holder = holder
        super().__init__("lease", message)


class Superseded(Refused):
    """A newer driver or operation has taken over; whatever this one wanted to do is not done any more."""

    def __init__(self, message: str) -> None:
        super().__init__("superseded", message)


class AuthorityDoubtful(Refused):
    """The journal is empty, broken, older than its copies or another one: nothing may change until it is restored."""

    def __init__(self, message: str) -> None:
        super().__init__("authority", message)


class SourceUnavailable(TakeoffError):
    """An outside system (package source, GitLab, Alertmanager, Airflow) gave no answer: worth another try.

    Attributes:
        source: what was asked, as the environment file names it.
    """

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(f"{source}: {message}")


class SourceUntrusted(TakeoffError):
    """An outside system answered what cannot be believed (bad signature, rubbish, wrong hash): nothing is deployed.

    Attributes:
        source: what was asked, as the environment file names it.
    """

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(f"{source}: {message}")
