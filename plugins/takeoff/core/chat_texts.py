"""Answers to the commands that only look, from the mirrored status, whose age they tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from takeoff.core.chat_grammar import USAGES
from takeoff.core.chat_reply import Reply
from takeoff.core.environment_status import OLD, EnvironmentStatus, OperationStatus
from takeoff.core.gates import Weight
from takeoff.core.strict_model import format_duration
from takeoff.core.why import Why

SHOWN = 300
"""Characters of a task's text that an answer shows."""


def status_reply(status: EnvironmentStatus, now: datetime) -> Reply:
    """Answer ``status ENV``."""
    operation = status.operation
    lines = list(_status_lines(status))
    return Reply(
        title=f"{status.environment}: {status.package} `{status.deployed or 'not adopted yet'}`",
        lines=(*lines, age_line(status.looked_at, now)),
        link=operation.run_url if operation else "",
    )


def overview_reply(found: Iterable[tuple[str, EnvironmentStatus | None]], now: datetime) -> Reply:
    """Answer ``status`` without an environment: one line for each."""
    lines = tuple(_overview_line(name, status, now) for name, status in found)
    return Reply("All environments:" if lines else "No environment is set up.", lines)


def why_reply(why: Why, now: datetime) -> Reply:
    """Answer ``why ENV``."""
    order = [Weight.BLOCKS, Weight.SKIPPED, Weight.TOLD]
    findings = sorted(why.findings, key=lambda finding: order.index(finding.weight))
    lines = [f"• {finding.sentence()}" for finding in findings if finding.sentence() != why.answer]
    then = (f"→ {why.stopped.then}",) if why.stopped else ()
    packages = "Package sources were not asked: `packages` does that."
    return Reply(f"{why.environment}: {why.answer}", (*then, *lines, packages, age_line(why.looked_at, now)))


def lease_reply(status: EnvironmentStatus, now: datetime) -> Reply:
    """Answer ``lease ENV``."""
    age = age_line(status.looked_at, now)
    operation = status.operation
    if operation is None or operation.outcome is not None:
        return Reply(f"{status.environment} is free: no operation holds its lease.", (age,))
    held = f"{operation.id} holds {status.environment}: {_operation_text(operation)}"
    return Reply(held, (f"driven by {operation.driver}", age), operation.run_url)


def unknown_reply(environment: str) -> Reply:
    """Answer for an environment whose status nobody has written yet."""
    return Reply(
        f"Nothing is known of {environment} yet: no run has written its status.",
        (f"`why` and `status` answer after its first run, or after `resume {environment}`.",),
    )


def help_reply(topic: str) -> Reply:
    """Answer ``help``."""
    if topic:
        usage = next(one for one in USAGES if one.verb.value == topic)
        options = tuple(f"• `{option.opts[0]}`: {option.help}" for option in usage.options)
        return Reply(f"`{usage.usage}`", (usage.help, *options))
    lines = tuple(f"`{usage.usage}`: {usage.help}" for usage in USAGES)
    ending = "ENV and VERSION may be swapped; reasons with spaces stand in double quotes after an option."
    return Reply("What can be typed:", (*lines, ending))


def age_line(looked_at: datetime, now: datetime) -> str:
    """Say how old what is told is."""
    age = max(now - looked_at, timedelta())
    warning = " — that is old: it may have changed" if age > OLD else ""
    return f"as of {format_duration(age)} ago ({looked_at:%Y-%m-%d %H:%M:%S} UTC){warning}"


def _status_lines(status: EnvironmentStatus) -> Iterator[str]:
    if status.hold is not None:
        until = f" until {_time(status.hold.until)}" if status.hold.until else ""
        yield f"PAUSED{until} since {_time(status.hold.since)} by {status.hold.by}: {status.hold.reason}"
    if status.operation is not None:
        yield f"{status.operation.id}: {_operation_text(status.operation)}"
        if status.operation.outcome is None:
            yield from _task_lines(status.operation)
    if status.pending is not None:
        names = ", ".join(f"`{name}`" for name in status.pending.names)
        yield f"post-deploy migrations pending since {_time(status.pending.since)}: {names}"
    yield from (f"left behind: {host} ({why})" for host, why in status.left_behind.items())
    yield from (f"rejected: `{version}` ({why})" for version, why in status.rejected.items())


def _task_lines(operation: OperationStatus) -> Iterator[str]:
    done = [task for task in operation.tasks if task.state == "finished"]
    yield f"{len(done)} of {len(operation.tasks)} tasks done"
    for task in operation.tasks:
        if task.state in ("started", "failed"):
            text = " ".join(task.text.split())
            yield f"• `{task.task}` {task.state}{f': {text[:SHOWN]}' if text else ''}"


def _operation_text(operation: OperationStatus) -> str:
    state = operation.outcome.value.replace("_", " ") if operation.outcome else "open"
    reason = f": {operation.reason}" if operation.reason else ""
    since = f"opened {_time(operation.opened_at)} by {operation.requested_by}"
    return f"{operation.kind.value} of `{operation.version}`, {state}, {since}{reason}"


def _overview_line(name: str, status: EnvironmentStatus | None, now: datetime) -> str:
    if status is None:
        return f"• {name}: nothing is known yet"
    operation = status.operation
    doing = f", {operation.kind.value} of `{operation.version}` open" if operation and not operation.outcome else ""
    paused = ", PAUSED" if status.hold else ""
    pending = ", post-deploy migrations pending" if status.pending else ""
    age = format_duration(max(now - status.looked_at, timedelta()))
    return f"• {name}: `{status.deployed or 'not adopted yet'}`{doing}{paused}{pending} ({age} ago)"


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
