"""A look at everything an environment depends on: connections, keys, hosts, sources, GitLab, Alertmanager."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

from takeoff.core.errors import TakeoffError
from takeoff.core.gates import blockers
from takeoff.core.operation import Stored
from takeoff.engine.alerts import alerts_before
from takeoff.engine.credentials import Credentials
from takeoff.engine.packages import look_for_packages
from takeoff.engine.qa import qa_project
from takeoff.engine.session import Session, open_session
from takeoff.environment_files import LoadedEnvironment
from takeoff.fleet.host_preflight import look_at_hosts

FOUNDATION = "file, keys and known hosts"
"""What everything else needs."""


class Check(Stored):
    """One thing that was looked at.

    Attributes:
        name: what.
        good: whether it is in order.
        message: what was found, and if it is not in order what to do.
    """

    name: str
    good: bool
    message: str


class Diagnosis(Stored):
    """What ``takeoff doctor --json`` prints.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        environment: its name.
        checks: in the order in which they were looked at.
    """

    schema_version: Literal[1] = 1
    environment: str
    checks: tuple[Check, ...]

    @property
    def good(self) -> bool:
        """Whether all is in order."""
        return all(check.good for check in self.checks)


class _Quiet:
    def host(self, host: str, step: str, detail: str = "") -> None:
        """Say nothing."""

    def line(self, text: str) -> None:
        """Say nothing."""


async def examine_environment(loaded: LoadedEnvironment, credentials: Credentials) -> Diagnosis:
    """Look at everything, and go on where something is wrong; change nothing."""
    name = loaded.environment.name
    try:
        async with open_session(loaded, credentials, _Quiet()) as session:
            checks = [Check(name=FOUNDATION, good=True, message="are in order")]
            checks += await asyncio.gather(
                _checked("journal", lambda: _journal(session)),
                _checked("hosts", lambda: _hosts(session)),
                _checked("package sources", lambda: _sources(session)),
                _checked("qa", lambda: _qa(session)),
                _checked("alerts", lambda: _alerts(session)),
            )
    except TakeoffError as error:
        checks = [Check(name=FOUNDATION, good=False, message=str(error))]
    return Diagnosis(environment=name, checks=tuple(checks))


async def _checked(name: str, look: Callable[[], Awaitable[str]]) -> Check:
    try:
        return Check(name=name, good=True, message=await look())
    except TakeoffError as error:
        return Check(name=name, good=False, message=str(error))


async def _journal(session: Session) -> str:
    record = await session.journal.read()
    if not record.authority:
        return f"none yet: run `takeoff adopt {session.environment.name}` before the first deploy"
    return f"{record.seq} entries, the fleet runs {record.deployed_version or 'nothing recorded'}"


async def _hosts(session: Session) -> str:
    report = await look_at_hosts(session.fleet)
    if bad := blockers(report.findings):
        raise TakeoffError("; ".join(finding.sentence() for finding in bad))
    return f"all {len(report.looked_at)} answer and are in order"


async def _sources(session: Session) -> str:
    report = await look_for_packages(session, deployed="", rejected={})
    report.raise_without_answer()
    return "; ".join(f"{line.name} {line.state}" for line in report.sources)


async def _qa(session: Session) -> str:
    if session.environment.qa is None:
        return "not configured"
    project = qa_project(session.environment, session.credentials)
    newest = await asyncio.to_thread(project.newest_pipeline, session.environment.qa.ref)
    last = f"its newest pipeline is {newest.status}: {newest.url}" if newest else "it has no pipeline yet"
    return f"{session.environment.qa.project} answers; {last}"


async def _alerts(session: Session) -> str:
    if session.environment.alerts is None:
        return "not configured"
    firing = await alerts_before(session)
    return f"the heartbeat fires; {len(firing)} critical alerts are firing now"
