"""Entries of a journal for tests, one minute apart, as a deploy to the small environment writes them."""

from __future__ import annotations

from takeoff.core.journal_entries import (
    Adopted,
    Entry,
    EntryBody,
    OperationClosed,
    TaskFailed,
    TaskFinished,
    TaskStarted,
)
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.record import Record
from takeoff.core.reports import HostOutcome, Result, RolloutReport
from tests.core.records import entry_after, opened

OLD, NEW = "17.0.0-ee.0", "17.1.0-ee.0"
HOSTS = (
    "deploy-01", "gitaly-01", "gitaly-02", "git-cny-01", "web-cny-01",
    "git-01", "git-02", "web-01", "web-02", "web-03", "web-04", "sidekiq-01",
)  # fmt: skip


class Journal:
    """An environment that runs ``OLD``, with operation ``lab-1`` to ``NEW`` if one is opened."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.record = Record()
        self.add(Adopted(authority="a1", version=OLD, versions=dict.fromkeys(HOSTS, OLD)))

    def add(self, *bodies: EntryBody, operation: str = "", by: str = "maria") -> Journal:
        for body in bodies:
            entry = entry_after(self.record, body, operation=operation, by=by)
            self.entries.append(entry)
            self.record = self.record.after(entry)
        return self

    def opened(self, kind: OperationKind = OperationKind.DEPLOY, version: str = NEW) -> Journal:
        number = len(self.record.operations) + 1
        return self.add(opened(number, version, kind)[1], operation=f"lab-{number}")

    def did(self, *bodies: EntryBody) -> Journal:
        """Add what the newest operation does."""
        return self.add(*bodies, operation=next(reversed(self.record.operations)))

    def closed(self) -> Journal:
        operation = self.record.operations[next(reversed(self.record.operations))].details
        return self.did(OperationClosed(outcome=Outcome.SUCCEEDED, version=operation.version))


def finished(task: str, **results: Result | tuple[Result, str]) -> TaskFinished:
    return TaskFinished(task=task, seconds=1, summary="", report=_report(results) if results else None)


def failed(task: str, error: str = "", **results: Result | tuple[Result, str]) -> TaskFailed:
    return TaskFailed(task=task, seconds=1, error=error, report=_report(results) if results else None)


def started(task: str) -> TaskStarted:
    return TaskStarted(task=task)


def _report(results: dict[str, Result | tuple[Result, str]]) -> RolloutReport:
    """Make a report; names are written with ``_`` for ``-``, and a pair names the step at which the host ended."""
    outcomes = []
    for name, given in results.items():
        result, step = given if isinstance(given, tuple) else (given, "")
        host = name.replace("_", "-")
        outcomes.append(HostOutcome(host=host, result=result, reason=f"{host} {result.value}", step=step))
    return RolloutReport(hosts=tuple(outcomes))
