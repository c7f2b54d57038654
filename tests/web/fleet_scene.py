"""What tasks have written of environments, for tests of the pages that show it."""

from __future__ import annotations

from datetime import timedelta

from takeoff.core.environment_status import EnvironmentStatus, status_of
from takeoff.core.fleet_progress import FleetProgress, HostStep, fleet_progress
from takeoff.core.fleet_view import Mirrored, SourceTrouble
from takeoff.core.host_history import hosts_of
from takeoff.core.journal_entries import HoldSet, MigrationsPending
from takeoff.core.reports import Result
from tests.core.journals import NEW, Journal, failed, finished
from tests.core.records import BEGIN
from tests.web.chat_scene import make_environment

NOW = BEGIN + timedelta(hours=1)
WRITTEN = NOW - timedelta(seconds=30)


def written(journal: Journal, name: str = "lab", steps: dict[str, HostStep] | None = None) -> Mirrored:
    """What the tasks of a journal have written half a minute ago."""
    environment = make_environment(name)
    hosts = hosts_of(journal.entries, environment)
    progress: FleetProgress = fleet_progress(journal.record, hosts, environment, steps or {}, WRITTEN)
    status: EnvironmentStatus = status_of(journal.record, environment, WRITTEN)
    return Mirrored(status, progress)


def stopped() -> Mirrored:
    """A deploy that stopped at a failed host, while deploys are held and the sources give no answer."""
    journal = Journal().opened().closed().opened(version="17.2.0-ee.0")
    journal.add(HoldSet(reason="incident 1234"))
    journal.did(
        MigrationsPending(version=NEW, names=("a", "b")),
        finished("canary.web", web_cny_01=Result.CHANGED),
        failed("main.web", "role web: stopped", web_01=Result.CHANGED, web_02=(Result.FAILED, "installing")),
    )
    return written(journal)._replace(trouble=SourceTrouble(since="2026-11-24 12:00 UTC", error="503"))
