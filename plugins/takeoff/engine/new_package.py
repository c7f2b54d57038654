"""Which version a deploy is about: its operation's, the one a person named, or the newest that qualifies."""

from __future__ import annotations

from dataclasses import dataclass

from takeoff.core.operation import OperationKind, Stored
from takeoff.core.package_report import PackageReport
from takeoff.core.record_gates import lease_finding, paused_finding
from takeoff.engine.opening import operation_of_run
from takeoff.engine.packages import find_version, look_for_packages
from takeoff.engine.session import Session


@dataclass(frozen=True)
class Wanted:
    """What a run is asked for.

    Attributes:
        run: ``<dag id>/<run id>``.
        version: as a person typed it; empty for the newest that qualifies.
        automatic: nobody asked: the schedule or an event did.
    """

    run: str
    version: str = ""
    automatic: bool = False


class NewPackage(Stored):
    """The answer.

    Attributes:
        version: in full; empty if there is nothing to deploy.
        reason: why there is not; empty if there is, or if nothing qualifies.
        report: the look that was needed, if one was.
    """

    version: str = ""
    reason: str = ""
    report: PackageReport | None = None


async def choose_package(session: Session, wanted: Wanted) -> NewPackage:
    """Decide which version a run deploys.

    An automatic run has nothing to do while deploys are held or another operation is open: the end of either is when
    the next look is due, by the schedule or by the operation's own last task.

    Raises:
        VersionError: no source holds the version that was typed.
        SourceUnavailable: no source answers, which is not the same as nothing new.
        SourceUntrusted: a source's answer cannot be believed.
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
        ConfigError: a source's connection or keyring is missing.
    """
    record = await session.journal.read()
    if (mine := operation_of_run(record, wanted.run, OperationKind.DEPLOY)) is not None:
        return NewPackage(version=mine.details.version)
    if wanted.version:
        return NewPackage(version=(await find_version(session, wanted.version)).version.text)
    report = await look_for_packages(session, deployed=record.deployed_version, rejected=record.rejected)
    report.raise_without_answer()
    if not report.version or not wanted.automatic:
        return NewPackage(version=report.version, report=report)
    waits = []
    if record.hold is not None and record.hold.active(session.clock.now()):
        waits.append(paused_finding(record, session.environment.name).sentence())
    if record.open_operation is not None:
        waits.append(lease_finding(record.open_operation, session.environment.name).sentence())
    if waits:
        return NewPackage(reason=f"{report.version} is there; {'; '.join(waits)}", report=report)
    return NewPackage(version=report.version, report=report)
