"""What an environment's channel is told of its journal: begins, ends, holds, overrides; each change once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from takeoff.core.chat_reply import Reply
from takeoff.core.counting import counted
from takeoff.core.environment import Environment
from takeoff.core.environment_status import expected_tasks
from takeoff.core.journal_entries import (
    AuthorityMoved,
    Entry,
    HoldLifted,
    HoldSet,
    LeftBehind,
    OperationClosed,
    OperationOpened,
    Overridden,
    TaskFinished,
)
from takeoff.core.notice import Notice
from takeoff.core.operation import Operation, OperationKind, Outcome
from takeoff.core.qa_report import FLAKY
from takeoff.core.record import OperationRecord, Record
from takeoff.core.strict_model import format_duration
from takeoff.core.versions import PackageVersion

_NAMES = {
    OperationKind.DEPLOY: "deploy",
    OperationKind.ROLLBACK: "rollback",
    OperationKind.POST_DEPLOY: "post-deploy migrations",
    OperationKind.CONVERGE: "converge",
}
_BEGINS = {
    OperationKind.DEPLOY: ":rocket:",
    OperationKind.ROLLBACK: ":leftwards_arrow_with_hook:",
    OperationKind.POST_DEPLOY: ":card_file_box:",
    OperationKind.CONVERGE: ":adhesive_bandage:",
    OperationKind.WARMUP: ":package:",
}
_COMMIT = re.compile(r"[-+]([0-9a-f]{7,40})\.[0-9a-f]{7,40}$")


def thread_of(operation: Operation) -> str:
    """Name the thread of an operation: its run's, so that a question after a deploy stands below that deploy."""
    return operation.run or operation.id


def journal_notices(
    news: Sequence[Entry], record: Record, environment: Environment, entries: Sequence[Entry]
) -> list[Notice]:
    """Say what is to be told of new entries.

    Args:
        news: the entries of which nobody was told, oldest first.
        record: the journal's, these entries in it.
        environment: whose journal it is.
        entries: the whole journal, for what a finished operation did.
    """
    return [notice for entry in news for notice in _notices(entry, record, environment, entries)]


def progress_notice(one: OperationRecord, record: Record, environment: Environment) -> Notice:
    """Tell what an operation is about and how far it is; the same message from its begin to its end."""
    details = one.details
    what, toward = _name(details), "to" if details.kind is OperationKind.ROLLBACK else "of"
    reply = Reply(
        title=f"{_BEGINS.get(details.kind, ':gear:')} {details.environment}: {what} {toward} {details.package} "
        f"`{details.version}` {'has begun' if one.outcome is None else _ended(one)}",
        lines=(*_what_is_new(details, record), *_asked(details), _progress(one, environment)),
        link=details.run_url,
    )
    return Notice(reply, thread_of(details), aloud=True, progress_of=details.id)


def _notices(entry: Entry, record: Record, environment: Environment, entries: Sequence[Entry]) -> Iterator[Notice]:
    name, one = environment.name, record.operations.get(entry.operation)
    thread = thread_of(one.details) if one is not None else ""
    match entry.body:
        case OperationOpened(details=details, takes_over=taken):
            yield progress_notice(record.operations[details.id], record, environment)
            if taken in record.operations:
                yield _superseded(record.operations[taken], details)
        case OperationClosed(outcome=outcome) if one is not None and outcome is Outcome.SUCCEEDED:
            yield Notice(_finished(one, record, entries, entry.at), thread, aloud=True)
        case OperationClosed(outcome=outcome) if one is not None:
            yield Notice(_given_up(one, outcome, entry.by), thread, aloud=True)
        case HoldSet(reason=reason, until=until):
            ends = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
            told = f":double_vertical_bar: {name}: automatic deploys are held{ends} by {entry.by}: {reason}"
            yield Notice(Reply(told, (f"`resume {name}` lets them go on.",)))
        case HoldLifted(reason=reason):
            because = f": {reason}" if reason else ""
            yield Notice(Reply(f":arrow_forward: {name}: automatic deploys go on, by {entry.by}{because}"))
        case Overridden(name=gate, reason=reason):
            of = f" for {one.details.id} (`{one.details.version}`)" if one is not None else ""
            told = f":warning: {name}: `{gate}` was passed{of} by {entry.by}: {reason}"
            yield Notice(Reply(told), thread, aloud=True)
        case LeftBehind(host=host, reason=reason):
            then = f"No post-deploy migrations before `takeoff converge {name} {host}`."
            yield Notice(Reply(f":warning: {name}: {host} was left behind: {reason}", (then,)), thread, aloud=True)
        case AuthorityMoved(host=host, reason=reason):
            yield Notice(Reply(f":warning: {name}: the journal goes on at {host}, by {entry.by}: {reason}"))


def _superseded(taken: OperationRecord, by: Operation) -> Notice:
    told = f":fast_forward: {by.environment}: {taken.details.id} ({_name(taken.details)} of `{taken.details.version}`) "
    told += f"is superseded by {by.id} ({_name(by)} to `{by.version}`)"
    return Notice(Reply(told, (*_asked(by), "What it still tries is refused."), by.run_url), thread_of(taken.details))


def _finished(one: OperationRecord, record: Record, entries: Sequence[Entry], at: datetime) -> Reply:
    details, name = one.details, one.details.environment
    took = format_duration(at - details.opened_at)
    hosts = counted(len(details.hosts()) + 1, "host")
    lines = [f"{details.id} took {took}, {hosts}, asked by {details.requested_by}"]
    if flaky := _flaky(details.id, entries):
        lines.append(f"flaky, passed only at a further try: {', '.join(f'`{job}`' for job in flaky)}")
    lines += [f"left behind: {host} ({why})" for host, why in record.left_behind.items()]
    match details.kind:
        case OperationKind.DEPLOY:
            title = f":white_check_mark: {name} runs {details.package} `{details.version}`"
            if record.pending is not None and record.pending.version == details.version:
                lines.append(f"{counted(len(record.pending.names), 'post-deploy migration')} pending")
        case OperationKind.ROLLBACK:
            title = f":white_check_mark: {name} is back on {details.package} `{details.version}`"
            lines.append(f"`{details.restore_from}` is rejected; deploys stay held until `resume {name}`")
        case _:
            title = f":white_check_mark: {name}: {_name(details)} of `{details.version}` done"
    return Reply(title, tuple(lines), details.run_url)


def _given_up(one: OperationRecord, outcome: Outcome, by: str) -> Reply:
    details = one.details
    title = f"{details.environment}: {details.id} ({_name(details)} of `{details.version}`) was given up by {by}"
    if outcome is Outcome.NOTHING_CHANGED:
        return Reply(f":wastebasket: {title}, before it changed anything", (), details.run_url)
    if details.kind is OperationKind.POST_DEPLOY:
        return Reply(
            f":warning: {title}: its lease is free, and every host runs that version still",
            (f"`status {details.environment}` says what is pending still, and what a rollback cannot reach any more.",),
            details.run_url,
        )
    return Reply(
        f":warning: {title}: its lease is free, and the hosts may run different versions",
        (f"`status {details.environment}` says what runs where.",),
        details.run_url,
    )


def _what_is_new(details: Operation, record: Record) -> Iterator[str]:
    hosts = counted(len(details.hosts()) + 1, "host")
    if details.kind is OperationKind.POST_DEPLOY:
        point = next((one for one in reversed(record.points_of_no_return) if one.operation == details.id), None)
        names = point.names if point else record.pending.names if record.pending else ()
        if names:
            yield f"a point of no return: {', '.join(f'`{name}`' for name in names)}"
        return
    before = details.restore_from or _version_before(details, record)
    if not before:
        yield f"the first deploy that is recorded here, {hosts}"
        return
    new = "" if details.kind is OperationKind.ROLLBACK else "new: "
    yield f"{new}`{before}` → `{details.version}`{_step(before, details.version)}, {hosts}"
    commits = [_COMMIT.search(version) for version in (before, details.version)]
    if commits[0] and commits[1]:
        yield f"commits: `{commits[0][1]}`…`{commits[1][1]}`"


def _version_before(details: Operation, record: Record) -> str:
    """Find what the whole fleet ran when an operation opened."""
    ran = (one for one in reversed(record.deployed) if one.at <= details.opened_at and one.operation != details.id)
    return next((one.version for one in ran), "")


def _step(before: str, after: str) -> str:
    """Say how large the step is; empty where the versions have no series."""
    old, new = PackageVersion.parse(before), PackageVersion.parse(after)
    if old.series is None or new.series is None:
        return ""
    if new < old or old.series == new.series:
        return ""
    return " (a new major version)" if old.series[0] != new.series[0] else " (a new minor version)"


def _asked(details: Operation) -> tuple[str, ...]:
    because = f": {details.reason}" if details.reason else ""
    return (f"asked by {details.requested_by}{because}",)


def _progress(one: OperationRecord, environment: Environment) -> str:
    expected = dict.fromkeys((*expected_tasks(one.details, environment), *one.tasks))
    done = sum(1 for task in expected if task in one.tasks and one.tasks[task].state == "finished")
    now = [
        f"`{task}` failed" if state.state == "failed" else f"now `{task}`"
        for task, state in one.tasks.items()
        if state.state != "finished"
    ]
    return f"{done} of {counted(len(expected), 'task')} done{'; ' + ', '.join(now) if now and not one.outcome else ''}"


def _ended(one: OperationRecord) -> str:
    took = f" after {format_duration(one.closed_at - one.details.opened_at)}" if one.closed_at else ""
    match one.outcome:
        case Outcome.SUCCEEDED:
            return f"is done{took}"
        case Outcome.TAKEN_OVER:
            return f"was taken over{took}"
        case _:
            return f"was given up{took}"


def _flaky(operation: str, entries: Sequence[Entry]) -> list[str]:
    found = (
        entry.body.facts.get(FLAKY, ())
        for entry in entries
        if entry.operation == operation and isinstance(entry.body, TaskFinished)
    )
    return sorted({str(job) for jobs in found for job in jobs})


def _name(details: Operation) -> str:
    return _NAMES.get(details.kind, details.kind.value.replace("_", " "))
