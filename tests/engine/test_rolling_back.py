"""The steps of a rollback by themselves: pause, takeover, hosts that cannot be told, jobs that still run."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

import pytest

from takeoff.core.errors import ConfigError, Superseded
from takeoff.core.journal_entries import MigrationsPending, TaskStarted, VersionRejected
from takeoff.core.operation import Lease, OperationKind, Outcome
from takeoff.core.record import Record
from takeoff.engine.after_rollback import after_rollback, versions_left
from takeoff.engine.drivers import new_driver
from takeoff.engine.holds import pause
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.quiet_hosts import wait_until_quiet
from takeoff.engine.rollback_verdict import RollbackRequest
from takeoff.engine.rolling_back import own_operation, pause_deploys, stop_deploy, taken_over_by
from takeoff.engine.session import Session
from tests.core.records import adopted, closed, deployed, fold, opened
from tests.engine.sessions import V0, V1, V2, Lines, draft
from tests.engine.sessions import opened as deploy
from tests.fleet.shell_hosts import ShellHosts


def request(version: str = V0, **more: str) -> RollbackRequest:
    values = {"by": "omar", "reason": "logins fail"} | more
    return RollbackRequest(version=version, **values)  # type: ignore[arg-type]


async def take_over(session: Session, *, version: str = V0, taken: str | None = None, left: str = V1) -> Lease:
    wanted = draft(session.environment, version, OperationKind.ROLLBACK, restore_from=left, reason="logins fail")
    return await session.leases.open(
        wanted, new_driver("stop_deploy", "omar"), check=lambda record: None, takes_over=taken
    )


async def test_a_rollback_holds_deploys_until_somebody_resumes_them(session: Session) -> None:
    assert "logins fail" in await pause_deploys(session, request(), V0)
    hold = (await session.journal.read()).hold
    assert hold is not None
    assert (hold.by, hold.until) == ("omar", None)


async def test_a_hold_without_an_end_is_left_to_whoever_set_it(session: Session) -> None:
    await pause(session, by="maria", reason="database upgrade")
    assert "paused already, by maria" in await pause_deploys(session, request(), V0)
    hold = (await session.journal.read()).hold
    assert hold is not None
    assert hold.reason == "database upgrade"


async def test_a_hold_that_would_end_by_itself_becomes_one_that_does_not(session: Session) -> None:
    await pause(session, by="maria", reason="database upgrade", lasting=timedelta(hours=1))
    await pause_deploys(session, request(), V0)
    hold = (await session.journal.read()).hold
    assert hold is not None
    assert hold.until is None
    assert "database upgrade" in hold.reason


async def test_the_task_of_a_rollback_that_is_over_holds_nothing(session: Session) -> None:
    wanted = draft(session.environment, V0, OperationKind.ROLLBACK, restore_from=V1, run="rollback_lab/one")
    lease = await session.leases.open(wanted, new_driver("stop_deploy", "omar"), check=lambda record: None)
    await session.leases.close(lease, Outcome.SUCCEEDED, by="omar")
    assert "is over" in await pause_deploys(session, request(run="rollback_lab/one"), V0)
    assert (await session.journal.read()).hold is None


async def test_a_rollback_needs_a_reason_before_anything_else(session: Session) -> None:
    with pytest.raises(ConfigError, match="needs a reason"):
        await stop_deploy(session, request(reason=" "), new_driver("stop_deploy", "omar"))


async def test_rule_1_the_driver_of_a_deploy_that_was_taken_over_is_refused_by_journal_and_hosts(
    session: Session,
) -> None:
    old = OperationPart.of(session, await deploy(session))
    await old.announce()
    new = OperationPart.of(session, await take_over(session, taken=old.operation.id))
    assert await new.announce() == {}
    with pytest.raises(Superseded, match="taken_over"):
        await old.tell(TaskStarted(task="main.web"))
    with pytest.raises(Superseded):
        await old.announce()


async def test_a_host_that_cannot_be_told_is_named(session: Session, hosts: ShellHosts) -> None:
    hosts.down.add("web-02")
    part = OperationPart.of(session, await take_over(session))
    assert list(await part.announce()) == ["web-02"]


async def test_jobs_of_the_former_operation_are_waited_for(session: Session) -> None:
    old = OperationPart.of(session, await deploy(session))
    await old.announce()
    job = asyncio.create_task(
        old.fleet.jobs.run(old.lease, "web-01", "install", "sleep 2", timeout_s=30, describe="a slow install")
    )
    script = old.fleet.script
    while b"install" not in (await script.call("web-01", "facts", session.environment.package.name)).data:
        await asyncio.sleep(0.1)
    new = OperationPart.of(session, await take_over(session, taken=old.operation.id))
    await new.announce()
    assert await wait_until_quiet(new, ()) == "waited for 1 host job"
    told = cast(Lines, session.progress).told
    assert any("lab-1/web-01/install" in line for line in told)
    job.cancel()


async def test_when_nothing_runs_nothing_is_waited_for(session: Session) -> None:
    part = OperationPart.of(session, await take_over(session))
    assert await wait_until_quiet(part, ("web-02",)) == "no host job was running"


async def test_what_a_rollback_leaves_is_rejected_even_if_pending_migrations_cannot_be_listed(session: Session) -> None:
    part = OperationPart.of(session, await take_over(session))
    entries = await after_rollback(part)
    assert [entry.version for entry in entries if isinstance(entry, VersionRejected)] == [V1]
    assert not any(isinstance(entry, MigrationsPending) for entry in entries)


def rollback(number: int, version: str, left: str, takes_over: str = "") -> tuple[str, object]:
    return opened(number, version, OperationKind.ROLLBACK, takes_over=takes_over, restore_from=left)


HALF_WAY = fold(opened(2, V2), record=deployed([V1]))


@pytest.mark.parametrize(
    ("record", "own", "left"),
    [
        (fold(rollback(2, V0, V1), record=deployed([V1])), "lab-2", (V1,)),
        (fold(rollback(3, V1, V2, "lab-2"), record=HALF_WAY), "lab-3", (V2,)),
        (
            fold(rollback(3, V1, V2, "lab-2"), rollback(4, V0, V1, "lab-3"), record=HALF_WAY),
            "lab-4",
            (V1, V2),
        ),
        (fold(rollback(2, V1, V1), record=deployed([V1])), "lab-2", ()),
    ],
    ids=["a finished deploy", "a deploy in its middle", "a rollback in its middle", "to what runs, forced"],
)
def test_the_versions_that_a_rollback_leaves_are(record: Record, own: str, left: tuple[str, ...]) -> None:
    assert versions_left(record, own) == left


def test_only_what_was_taken_over_on_the_way_counts_as_ended_by_it() -> None:
    record = fold(rollback(3, V1, V2, "lab-2"), record=HALF_WAY)
    assert [one.details.id for one in taken_over_by(record, "lab-3")] == ["lab-2"]
    ended = fold(closed(3, V1), opened(4, V2), closed(4, V2), rollback(5, V1, V2), record=record)
    assert taken_over_by(ended, "lab-5") == []


@pytest.mark.parametrize(
    ("typed", "run", "found"),
    [(V0, "", "lab-1"), ("17.0.0", "", "lab-1"), (V2, "", ""), (V0, "rollback_lab/other", "")],
    ids=["the same version", "its short form", "another version", "another run"],
)
def test_the_same_command_goes_on_with_an_open_rollback(typed: str, run: str, found: str) -> None:
    record = fold(rollback(1, V0, V1), record=adopted(V1))
    assert own_operation(record, request(typed, run=run)) == found


def test_a_closed_rollback_is_not_gone_on_with() -> None:
    record = fold(rollback(1, V0, V1), closed(1, V0, Outcome.RELEASED), record=adopted(V1))
    assert own_operation(record, request()) == ""
