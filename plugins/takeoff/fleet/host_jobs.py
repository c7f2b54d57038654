"""Host jobs: commands that live on the host, whatever becomes of the connection or of this process.

A job is named by operation, host and step; its attempts are numbered. The host decides, under a lock, whether an
attempt is started or attached to (``host/jobs.sh``, verb ``job-ensure``), so that nothing ever runs twice at once.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from takeoff.core.errors import (
    TAIL_LIMIT,
    CheckFailed,
    CommandFailed,
    HostUnfenced,
    HostUnreachable,
    JobLost,
)
from takeoff.core.operation import Lease
from takeoff.fleet.host_script import Answer, HostScript, lease_arguments
from takeoff.fleet.protocols import Clock

LONG_POLL_S = 20
"""Seconds a host waits for news of a job before it answers that there are none."""

FIRST_CONTACT_S = 10.0
"""Seconds for which a host that does not answer the first call is tried again. Not for longer: what was looked at
before, who serves above all, would be too old when the job begins."""

PATIENCE_S = 300.0
"""Seconds for which a host is tried again once its job runs: a reboot's length."""

BUSY_PAUSE_S = 5.0
"""Seconds between two tries to begin a job where another one still runs."""

KILL_GRACE_S = 10
"""Seconds that a stopped job has between TERM and KILL."""

STOP_LIMIT_S = 120.0
"""Seconds after which a job that was stopped and still lives, as one that waits for a dead disk does, is given up."""

_TAIL_BYTES = 2 * TAIL_LIMIT


@dataclass(frozen=True)
class JobResult:
    """A job that ended well.

    Attributes:
        exit_status: 0; anything else is raised.
        output_tail: the end of its output, standard error included; at most 2000 characters.
        attempt: number of the attempt, from 1.
        attached: it ran, or had ended, before this call.
        already_done: it had ended well before this call: nothing was done now.
    """

    exit_status: int
    output_tail: str
    attempt: int
    attached: bool
    already_done: bool


@dataclass(frozen=True)
class JobPlace:
    """Where an attempt that runs is found, and how far its log was read.

    Attributes:
        operation: id of its operation.
        host: name in the environment.
        step: what is done there.
        attempt: its number.
        offset: bytes of its log that were read.
    """

    operation: str
    host: str
    step: str
    attempt: int
    offset: int


class JobGoesOn(Exception):
    """A job runs on after the time that its caller wanted to stay for it: neither a failure nor an end.

    Attributes:
        place: where to read on.
        left_s: seconds until its time is over; the next caller stops it then.
    """

    def __init__(self, place: JobPlace, left_s: float) -> None:
        super().__init__(f"{place.operation}/{place.host}/{place.step} runs on")
        self.place = place
        self.left_s = left_s


class HostJobs:
    """Runs the changing commands of an environment as host jobs."""

    def __init__(self, script: HostScript, clock: Clock) -> None:
        self._script = script
        self._clock = clock

    async def run(
        self,
        lease: Lease,
        host: str,
        step: str,
        script: str,
        *,
        arguments: Sequence[str] = (),
        timeout_s: float,
        output: Callable[[str], None] | None = None,
        describe: str,
        attempt: int | None = None,
        stay_s: float = math.inf,
        silent: Callable[[], None] | None = None,
    ) -> JobResult:
        """Bring a job to its end: start it, attach to it while it runs, or find it done.

        A success is final. A failed, stopped or lost attempt is raised once, remembered on the host as told, and the
        next call starts another attempt. A broken connection is mended and the log goes on where it broke off; when
        this coroutine is cancelled, the job runs on.

        Args:
            lease: whose epoch the host checks before it starts anything.
            host: name in the environment.
            step: what is done, once for each operation and host: letters, digits, ``.``, ``_`` and ``-``.
            script: POSIX sh text; runs as root, standard input empty, umask 022, in the folder of its attempt.
            arguments: the script's ``$1``, ``$2``, … as they are.
            timeout_s: seconds from the job's begin until it is stopped with all its processes.
            output: gets the job's output, line by line, without line ends.
            describe: what the job is, for errors: ``gitlab-ctl reconfigure``.
            attempt: insist on this attempt: a failed one of that number is raised again and again, and the next one
                begins only when the caller asks for the next number. For migrations, whose failures the journal counts.
            stay_s: seconds that this call stays for a job that runs; then it leaves it to itself.
            silent: called whenever the job had nothing to say for some seconds.

        Raises:
            JobGoesOn: it runs still after ``stay_s``; the same call attaches to it.
            CommandFailed: it exited non-zero, or was stopped because its time was over.
            JobLost: it began and left no result (reboot, kill): look how far it came before calling again.
            Superseded: the host knows a newer driver; nothing was started.
            AuthorityDoubtful: the host belongs to another journal; nothing was started.
            HostUnfenced: the host knows no driver; nothing was started.
            CheckFailed: another job, of a former operation or driver, does not end there; nothing was started.
            HostUnreachable: no contact for too long; the job may run on.
        """
        job = (lease.operation.id, host, step)
        leave = self._clock.monotonic() + stay_s
        deadline = self._clock.monotonic() + timeout_s
        log = _Log(output)
        ensure = (*lease_arguments(lease), *job, str(attempt or 0), _wait(min(timeout_s, stay_s)), *arguments)
        answer, asked = await self._ask(host, FIRST_CONTACT_S, "job-ensure", *ensure, stdin=script.encode())
        while answer.fields["state"] == "busy":
            if self._clock.monotonic() >= deadline:
                raise CheckFailed(
                    f"{host}: {describe} was not begun, because job {answer.fields['busy']} still "
                    f"runs there after {timeout_s:.0f} s: wait for its end or stop it there, then try again"
                )
            await self._clock.sleep(BUSY_PAUSE_S)
            answer, asked = await self._ask(host, PATIENCE_S, "job-ensure", *ensure, stdin=script.encode())
        number = answer.number("attempt")
        deadline -= answer.number("age")
        # If an answer was lost on the way, what it would have told is this driver's own work.
        ours = answer.fields.get("fresh") == "1" or (asked > 1 and answer.number("epoch") == lease.epoch)
        at = (*job, str(number))
        if not ours and answer.fields["state"] == "done" and answer.fields.get("rc") == "0":
            size = answer.number("size")
            answer = await self._call(host, PATIENCE_S, "job-read", *at, str(max(0, size - _TAIL_BYTES)), "0")
            return JobResult(0, _Log(None).take(answer.data, last=True), number, attached=True, already_done=True)
        stopped = False
        while not _ended(answer):
            log.take(answer.data)
            if silent is not None and not answer.data:
                silent()
            left = deadline - self._clock.monotonic()
            if left < -STOP_LIMIT_S:
                advice = f"it was not done in {timeout_s:.0f} s and cannot be stopped: look at the host's processes"
                raise CommandFailed(host, describe, -9, log.take(b"", last=True), advice)
            if left <= 0 and not stopped:
                stopped = True
                await self._call(host, PATIENCE_S, "job-kill", *lease_arguments(lease), *at, str(KILL_GRACE_S))
            stays = leave - self._clock.monotonic()
            if stays <= 0 < left:
                log.take(b"", last=True)
                raise JobGoesOn(JobPlace(*job, number, answer.number("next")), left)
            answer = await self._call(host, PATIENCE_S, "job-read", *at, answer.fields["next"], _wait(min(left, stays)))
        tail = log.take(answer.data, last=True)
        if answer.fields["state"] == "done" and answer.fields["rc"] == "0":
            return JobResult(0, tail, number, attached=not ours, already_done=False)
        failure = self._failure(answer, host, job, describe, tail, timeout_s)
        failure.attempt = number
        with suppress(
            HostUnreachable
        ):  # Then the host did not hear it, and the next call tells it again: the safe side.
            await self._call(host, FIRST_CONTACT_S, "job-report", *lease_arguments(lease), *at)
        raise failure

    async def running(self, lease: Lease, host: str) -> tuple[str, ...]:
        """Name the jobs that run on a host, as ``operation/host/step``; no older driver can begin one after this.

        A host that gave no answer for a while may have heard late what a former driver had asked of it.

        Raises:
            Superseded: the host knows a newer driver.
            AuthorityDoubtful: the host belongs to another journal.
            HostUnreachable: no contact.
        """
        answer, _ = await self._ask(host, FIRST_CONTACT_S, "fence", *lease_arguments(lease), "")
        return tuple(filter(None, answer.fields.get("running", "").split(",")))

    @staticmethod
    def _failure(
        answer: Answer, host: str, job: tuple[str, str, str], describe: str, tail: str, timeout_s: float
    ) -> CommandFailed | JobLost:
        where = f"its log is {answer.fields.get('folder', '')}/log"
        match answer.fields["state"]:
            case "done":
                return CommandFailed(host, describe, answer.number("rc"), tail, where)
            case "killed":
                late = f"it was not done in {timeout_s:.0f} s and was stopped with all its processes; {where}"
                return CommandFailed(host, describe, -answer.number("rc"), tail, late)
            case _:
                how = "the host was rebooted" if answer.fields.get("rebooted") == "1" else "it was killed"
                return JobLost(
                    host,
                    "/".join(job),
                    f"{describe} began (attempt {answer.number('attempt')}) and left no result, because {how}; "
                    f"look how far it came ({where}) before it is tried again",
                )

    async def follow(
        self, place: JobPlace, *, until_s: float, output: Callable[[str], None], silent: Callable[[], None]
    ) -> None:
        """Read the log of a job that runs until it ends or the time is over; changes nothing.

        Args:
            place: where it runs, and from where to read.
            until_s: seconds until this call gives up; the job runs on.
            output: gets the job's output, line by line, without line ends.
            silent: called whenever the job had nothing to say for some seconds.

        Raises:
            HostUnreachable: no contact for too long; the job may run on.
            CommandFailed: the host knows no such job.
        """
        log, until, offset = _Log(output), self._clock.monotonic() + until_s, str(place.offset)
        at = (place.operation, place.host, place.step, str(place.attempt))
        while (left := until - self._clock.monotonic()) > 0:
            answer = await self._call(place.host, PATIENCE_S, "job-read", *at, offset, _wait(left))
            log.take(answer.data)
            if not answer.data:
                silent()
            if _ended(answer):
                break
            offset = answer.fields["next"]
        log.take(b"", last=True)

    async def _call(self, host: str, patience_s: float, verb: str, *arguments: str) -> Answer:
        return (await self._ask(host, patience_s, verb, *arguments))[0]

    async def _ask(
        self, host: str, patience_s: float, verb: str, *arguments: str, stdin: bytes = b""
    ) -> tuple[Answer, int]:
        """Call a verb, again and again for a while if the host gives no answer; say how often it was called."""
        give_up, pause = self._clock.monotonic() + patience_s, 1.0
        times = 0
        while True:
            times += 1
            try:
                answer = await self._script.call(host, verb, *arguments, stdin=stdin, timeout_s=LONG_POLL_S + 40.0)
                return answer, times
            except HostUnfenced:
                raise
            except HostUnreachable:
                if self._clock.monotonic() + pause > give_up:
                    raise
            await self._clock.sleep(pause)
            pause = min(pause * 2, 15.0)


def _wait(left_s: float) -> str:
    """How long the host may wait for news, in whole seconds, when so many are left."""
    return str(max(0, min(LONG_POLL_S, math.ceil(left_s))))


def _ended(answer: Answer) -> bool:
    """Whether the job is over and its log was read to the last byte."""
    return answer.fields["state"] not in ("running", "orphaned") and answer.fields["next"] == answer.fields["size"]


class _Log:
    """Cuts a stream of bytes into lines and keeps its end."""

    def __init__(self, output: Callable[[str], None] | None) -> None:
        self._output = output
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._line = self._tail = ""

    def take(self, data: bytes, *, last: bool = False) -> str:
        """Add bytes; with ``last``, also hand out a line that has no end. Returns the end of all text so far."""
        text = self._decoder.decode(data, last)
        self._tail = (self._tail + text)[-TAIL_LIMIT:]
        *lines, self._line = (self._line + text).split("\n")
        if last and self._line:
            lines, self._line = [*lines, self._line], ""
        if self._output is not None:
            for line in lines:
                self._output(line.rstrip("\r"))
        return self._tail
