"""Journal entries as an operator reads them: one line each."""

from __future__ import annotations

from takeoff.core import journal_entries as entries
from takeoff.core.counting import counted
from takeoff.core.journal_entries import Entry, EntryBody
from takeoff.core.record_gates import some


def entry_sentence(entry: Entry) -> str:
    """Say one entry in a line: position, time, operation, what happened, who."""
    operation = f" {entry.operation}" if entry.operation else ""
    told = " ".join(body_sentence(entry.body).split())
    return f"{entry.seq:>5}  {entry.at:%Y-%m-%d %H:%M:%S}{operation}  {told}  [{entry.by}]"


def body_sentence(body: EntryBody) -> str:
    """Say what an entry tells, without when and by whom."""
    return _of_operation(body) or _of_fleet(body) or body.kind.replace("_", " ")


def _of_operation(body: EntryBody) -> str:
    match body:
        case entries.OperationOpened(details=details):
            reason = f": {details.reason}" if details.reason else ""
            ended = f", ending {body.takes_over}" if body.takes_over else ""
            return f"{details.kind.value} of {details.version} opened by {details.requested_by}{ended}{reason}"
        case entries.DriverStarted(driver=driver):
            return f"{driver.name} drives it now ({driver.task})"
        case entries.TaskStarted(task=task):
            return f"{task} began"
        case entries.TaskFinished(task=task, seconds=seconds, summary=summary):
            return f"{task} done in {seconds:.0f} s: {summary}"
        case entries.TaskFailed(task=task, seconds=seconds, error=error):
            return f"{task} FAILED after {seconds:.0f} s: {error}"
        case entries.PipelineStarted(task=task, url=url):
            return f"{task}: pipeline {url}"
        case entries.OperationClosed(outcome=outcome, version=version, reason=reason):
            on = f", the fleet is on {version}" if version else ""
            return f"closed: {outcome.value.replace('_', ' ')}{on}{': ' + reason if reason else ''}"
        case entries.Overridden(name=name, reason=reason):
            return f"passed {name}: {reason}"
        case _:
            return ""


def _of_fleet(body: EntryBody) -> str:
    match body:
        case entries.Adopted(version=version, versions=versions):
            return f"adopted with {len(versions)} hosts on {version}" if version else "adopted without the package"
        case entries.AuthorityMoved(host=host, reason=reason):
            return f"the journal goes on at {host}: {reason}"
        case entries.MigrationsPending(version=version, names=names):
            what = f"pending: {counted(len(names), 'post-deploy migration')} of {version}"
            return f"{what}: {some(names)}" if names else "no post-deploy migrations are pending"
        case entries.PointOfNoReturn(version=version, names=names):
            return f"POINT OF NO RETURN: post-deploy migrations of {version} begin: {some(names)}"
        case entries.PostDeployFinished(version=version):
            return f"post-deploy migrations of {version} have all run"
        case entries.LeftBehind(host=host, reason=reason):
            return f"{host} left behind: {reason}"
        case entries.Converged(hosts=hosts):
            return f"back on the recorded version: {', '.join(hosts)}"
        case entries.VersionRejected(version=version, reason=reason):
            return f"{version} rejected: {reason}"
        case entries.HoldSet(reason=reason, until=until):
            return f"deploys paused{f' until {until:%Y-%m-%d %H:%M} UTC' if until else ''}: {reason}"
        case entries.HoldLifted(reason=reason):
            return f"deploys resumed{': ' + reason if reason else ''}"
        case entries.Noted(text=text, host=host):
            return f"{host}: {text}" if host else text
        case _:
            return ""
