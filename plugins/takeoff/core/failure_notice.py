"""What an environment's channel is told of a task that failed: hosts, the decisive lines, what to do, where to look."""

from __future__ import annotations

import re
from collections.abc import Iterator

from takeoff.core.chat_reply import Reply
from takeoff.core.errors import CommandFailed, HostError, MigrationFailed, Refused, TakeoffError
from takeoff.core.notice import Notice
from takeoff.core.reports import HostOutcome, Result
from takeoff.core.task_ids import LEASE, NEW_PACKAGE, PREFLIGHT, VERDICT

SENTENCE = 600
"""Characters of an error's sentence that a message shows; the rest is in the task's log."""

REASON = 200
"""Characters of one host's reason."""

HOSTS = 5
"""Failed hosts that a message explains; the rest is named."""

LINES = 4
"""Lines of a command's output that a message shows."""

LINE = 160
"""Characters of such a line."""

NOTHING_CHANGED = (NEW_PACKAGE, PREFLIGHT, LEASE, VERDICT)
"""Tasks before the first change: they can fail as often as they like."""

_TELLS = re.compile(
    r"error|fail|fatal|denied|refused|cannot|can't|could not|unable|no space|timed? ?out|not found|exception|broken"
    r"|\b[EW]: ",
    re.IGNORECASE,
)


def failure_notice(environment: str, task: str, error: TakeoffError, url: str, thread: str) -> Notice:
    """Tell that a task failed and waits for a person.

    Args:
        environment: its name.
        task: id of the task.
        error: with what it failed.
        url: where to look at the run; empty if nowhere.
        thread: of the run.
    """
    lines = [*_what(error), *_hosts(error), f"→ {_then(environment, task, error)}"]
    reply = Reply(f":x: {environment}: `{task}` failed and waits for a person", tuple(lines), url, good=False)
    return Notice(reply, thread, aloud=True)


def decisive_lines(output: str) -> tuple[str, ...]:
    """Choose the lines of a command's output that say why it failed; the last ones if none looks like it."""
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLS.search(line)] or lines
    return tuple(_cut(line, LINE) for line in telling[-LINES:])


def _what(error: TakeoffError) -> Iterator[str]:
    if isinstance(error, CommandFailed):
        yield f"on {error.host}: {error.command} exited {error.exit_status}"
        yield from (f"`{line.replace('`', chr(39))}`" for line in decisive_lines(error.output_tail))
        return
    report = error.report
    if report is not None:
        yield report.summary
        return
    yield _cut(" ".join(str(error).split()), SENTENCE)


def _hosts(error: TakeoffError) -> Iterator[str]:
    """Explain what became of the hosts that the error is about."""
    if error.report is None:
        return
    bad = error.report.of(Result.FAILED, Result.UNREACHABLE)
    yield from (_host_line(outcome) for outcome in bad[:HOSTS])
    if more := [outcome.host for outcome in bad[HOSTS:]]:
        yield f"and {', '.join(more)}"


def _host_line(outcome: HostOutcome) -> str:
    where = f" at {outcome.step}" if outcome.step else ""
    said = decisive_lines(outcome.reason)
    return f"• `{outcome.host}` {outcome.result.value}{where}: {_cut(' / '.join(said), REASON)}"


def _then(environment: str, task: str, error: TakeoffError) -> str:
    if isinstance(error, MigrationFailed):
        return (
            f"It is never tried again by itself: look at the migration's log on {error.host}, repair it, then "
            f"`retry {environment}`."
        )
    if task in NOTHING_CHANGED:
        lifted = "Once that is lifted" if isinstance(error, Refused) else "Once it is repaired"
        return (
            f"Nothing was changed. {lifted}, `retry {environment}` looks again; `why {environment}` says what blocks."
        )
    return (
        f"Repair {_to_repair(error)}, then `retry {environment}`: only what is not done is done. `rollback check "
        f"{environment}` says whether going back is possible."
    )


def _to_repair(error: TakeoffError) -> str:
    if isinstance(error, HostError):
        return error.host
    bad = error.report.of(Result.FAILED, Result.UNREACHABLE) if error.report else ()
    return ", ".join(outcome.host for outcome in bad) or "it"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
