"""An operation's life: adopted, held, opened, driven, superseded, released; with the real script, lease and journal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from takeoff.core.environment import Environment
from takeoff.core.errors import (
    AuthorityDoubtful,
    CheckFailed,
    ConfigError,
    HostUnreachable,
    LeaseHeld,
    Refused,
    Superseded,
)
from takeoff.core.gates import PAUSED
from takeoff.core.journal_entries import LeftBehind, MigrationsPending, Noted, TaskStarted
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.task_ids import PENDING_POST_DEPLOY, POST_DEPLOY, TaskKind, TaskSpec
from takeoff.engine import tasks
from takeoff.engine.adoption import adopt
from takeoff.engine.drivers import new_driver
from takeoff.engine.holds import pause, resume
from takeoff.engine.journal_care import restore_journal, verify_journal
from takeoff.engine.journal_entry import decide
from takeoff.engine.lease_view import view_lease
from takeoff.engine.opening import DeployRequest, open_deploy, operation_of_run
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.post_deploy import post_deploy_outlook, run_post_deploy
from takeoff.engine.release import release_lease
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.engine.tasks import run_task
from tests.engine.sessions import V0, V1, V2, install, opened, session_on
from tests.fleet.shell_hosts import ShellHosts

WARMUP = TaskSpec("warmup", TaskKind.WARMUP)


async def kinds(session: Session) -> list[str]:
    return [entry.body.kind for entry in await session.journal.entries()]


async def test_adopting_begins_the_record_with_what_is_installed(unadopted: Session) -> None:
    record = await adopt(unadopted, by="maria")
    assert record.deployed_version == V0
    assert record.authority


async def test_adopting_twice_is_refused(session: Session) -> None:
    with pytest.raises(Refused, match="adopted already"):
        await adopt(session, by="maria")


async def test_hosts_on_several_versions_are_not_adopted_and_named(
    unadopted: Session, hosts: ShellHosts, small: Environment
) -> None:
    install(hosts, small, {"web-02": V1})
    with pytest.raises(Refused, match=f"web-02 has {V1}"):
        await adopt(unadopted, by="maria")
    assert await kinds(unadopted) == []


async def test_a_silent_host_stops_the_adoption(unadopted: Session, hosts: ShellHosts) -> None:
    hosts.down.add("web-02")
    with pytest.raises(HostUnreachable, match="web-02"):
        await adopt(unadopted, by="maria")


async def test_a_host_that_knows_another_journal_stops_the_adoption(
    session: Session, hosts: ShellHosts, small: Environment
) -> None:
    await OperationPart.of(session, await opened(session)).announce()
    for path in (hosts.state("deploy-01"), hosts.state("gitaly-01"), hosts.state("git-cny-01")):
        for file in sorted(path.rglob("*"), reverse=True):
            file.unlink() if file.is_file() else file.rmdir()
    with pytest.raises(AuthorityDoubtful, match="--restore"):
        await adopt(session_on(hosts, small), by="maria")


async def test_a_pause_holds_until_it_is_lifted_and_the_last_reason_counts(session: Session) -> None:
    await pause(session, by="maria", reason="maintenance")
    record = await pause(session, by="omar", reason="incident", lasting=timedelta(hours=2))
    assert record.hold is not None
    assert (record.hold.by, record.hold.reason) == ("omar", "incident")
    assert record.hold.until is not None

    assert (await resume(session, by="maria")).hold is None
    before = await kinds(session)
    await resume(session, by="maria")
    assert await kinds(session) == before


async def test_a_pause_needs_a_reason_and_a_journal(unadopted: Session) -> None:
    with pytest.raises(ConfigError, match="needs a reason"):
        await pause(unadopted, by="maria", reason=" ")
    with pytest.raises(Refused, match="has no journal of lab"):
        await pause(unadopted, by="maria", reason="x")


async def test_decisions_of_two_people_at_once_are_both_kept(
    session: Session, hosts: ShellHosts, small: Environment
) -> None:
    other = session_on(hosts, small)
    await other.journal.read()
    await pause(session, by="maria", reason="first")
    await pause(other, by="omar", reason="second")
    holds = [entry.by for entry in await session.journal.entries() if entry.body.kind == "hold_set"]
    assert holds == ["maria", "omar"]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Warmup only writes down that it ran."""
    ran: list[str] = []

    async def warm(part: OperationPart, task: TaskSpec) -> TaskResult:
        ran.append(part.operation.id)
        return TaskResult(summary="13 changed")

    monkeypatch.setitem(tasks._WORK, TaskKind.WARMUP, warm)  # type: ignore[index]
    return ran


async def test_a_task_is_journalled_from_its_begin_to_its_end(session: Session, work: list[str]) -> None:
    lease = await opened(session)
    result = await run_task(session, lease.operation.id, WARMUP, new_driver("warmup", "maria"))
    assert result.summary == "13 changed"
    assert (await kinds(session))[-3:] == ["driver_started", "task_started", "task_finished"]


async def test_a_task_that_fails_is_journalled_and_the_operation_stays_open(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def warm(part: OperationPart, task: TaskSpec) -> TaskResult:
        raise CheckFailed("disk full")

    monkeypatch.setitem(tasks._WORK, TaskKind.WARMUP, warm)  # type: ignore[index]
    lease = await opened(session)
    with pytest.raises(CheckFailed, match="disk full"):
        await run_task(session, lease.operation.id, WARMUP, new_driver("warmup", "maria"))
    holder = (await session.journal.read()).open_operation
    assert holder is not None
    assert holder.tasks["warmup"].text == "disk full"


async def test_rule_1_an_older_driver_is_refused_by_the_journal_and_by_every_host(
    session: Session, hosts: ShellHosts, small: Environment, work: list[str]
) -> None:
    lease = await opened(session)
    old = OperationPart.of(session, lease)
    await old.announce()
    await run_task(session_on(hosts, small), lease.operation.id, WARMUP, new_driver("warmup", "omar"))

    with pytest.raises(Superseded, match="is driven by"):
        await old.tell(TaskStarted(task="main.web"))
    with pytest.raises(Superseded):
        await old.announce()


async def test_a_host_that_cannot_be_told_is_journalled_as_unfenced(session: Session, hosts: ShellHosts) -> None:
    hosts.down.add("web-02")
    await OperationPart.of(session, await opened(session)).announce()
    noted = [entry.body for entry in await session.journal.entries() if isinstance(entry.body, Noted)]
    assert [(one.host, one.text.partition(":")[0]) for one in noted] == [("web-02", "unfenced")]


async def test_a_task_of_an_operation_that_ended_well_has_nothing_left_to_do(session: Session, work: list[str]) -> None:
    lease = await opened(session)
    await session.leases.close(lease, Outcome.SUCCEEDED, by="maria")
    before = await kinds(session)
    result = await run_task(session, lease.operation.id, WARMUP, new_driver("warmup", "maria"))
    assert "nothing is left to do" in result.summary
    assert (work, await kinds(session)) == ([], before)


async def test_a_task_of_an_old_operation_changes_nothing_and_says_what_came_after_it(
    session: Session, work: list[str]
) -> None:
    old = await opened(session)
    await session.leases.close(old, Outcome.SUCCEEDED, by="maria")
    await session.leases.close(await opened(session, V2), Outcome.SUCCEEDED, by="maria")
    with pytest.raises(Superseded, match=r"lab-2 .*came after it"):
        await run_task(session, old.operation.id, WARMUP, new_driver("warmup", "maria"))
    assert work == []


async def test_a_changed_environment_file_is_told_to_whoever_goes_on(session: Session, work: list[str]) -> None:
    lease = await opened(session)
    changed = replace(session, environment_sha256="1" * 64)
    await run_task(changed, lease.operation.id, WARMUP, new_driver("warmup", by="maria"))
    assert f"the environment file has changed since operation {lease.operation.id} opened" in " ".join(
        cast(Any, changed.progress).told
    )


async def test_opening_again_for_the_same_run_gives_the_same_operation_to_a_new_driver(session: Session) -> None:
    lease = await opened(session, run="deploy_lab/one")
    again = await open_deploy(
        session, DeployRequest(version=V1, by="maria", run="deploy_lab/one"), new_driver("lease", "maria")
    )
    assert again.operation.id == lease.operation.id
    assert again.epoch > lease.epoch
    found = operation_of_run(await session.journal.read(), "deploy_lab/one", OperationKind.DEPLOY)
    assert found is not None
    assert found.details.id == lease.operation.id


async def test_a_run_whose_operation_was_given_up_opens_no_second_one(session: Session) -> None:
    lease = await opened(session, run="deploy_lab/one")
    await session.leases.close(lease, Outcome.RELEASED, by="maria")
    with pytest.raises(Superseded, match="never opened again"):
        await open_deploy(
            session, DeployRequest(version=V1, by="maria", run="deploy_lab/one"), new_driver("lease", "maria")
        )


async def test_a_released_lease_closes_the_operation_with_the_reason_and_refuses_its_driver(session: Session) -> None:
    part = OperationPart.of(session, await opened(session))
    record = await release_lease(session, by="omar", reason="given up")
    assert record.open_operation is None
    assert record.operations["lab-1"].outcome is Outcome.RELEASED
    assert "overridden" in await kinds(session)
    with pytest.raises(Superseded, match="is over"):
        await part.tell(TaskStarted(task="warmup"))
    with pytest.raises(Refused, match="nothing to release"):
        await release_lease(session, by="omar", reason="again")


@pytest.mark.parametrize(
    ("kind", "task"),
    [(OperationKind.POST_DEPLOY, POST_DEPLOY), (OperationKind.DEPLOY, PENDING_POST_DEPLOY)],
    ids=["by a person's yes", "as a deploy's first step"],
)
async def test_rule_3_the_lease_of_running_post_deploy_migrations_is_not_released(
    session: Session, kind: OperationKind, task: str
) -> None:
    part = OperationPart.of(session, await opened(session, V0, kind))
    await part.tell(TaskStarted(task=task))
    with pytest.raises(Refused, match="runs post-deploy migrations"):
        await release_lease(session, by="omar", reason="impatient")
    assert (await session.journal.read()).open_operation is not None


def after_deploy(version: str = "") -> DeployRequest:
    return DeployRequest(version=version, by="maria")


async def pending(session: Session, *names: str) -> None:
    await decide(session, lambda record: [MigrationsPending(version=V0, names=names)], by="maria")


async def test_without_pending_migrations_no_post_deploy_operation_is_opened(session: Session) -> None:
    result = await run_post_deploy(session, after_deploy(), new_driver(POST_DEPLOY, "maria"))
    assert result.summary == f"no post-deploy migrations of {V0} are pending"
    assert (await session.journal.read()).operations == {}


async def test_what_post_deploy_migrations_burn_is_named_before_they_run(session: Session) -> None:
    lease = await opened(session)
    await session.leases.close(lease, Outcome.SUCCEEDED, by="maria")
    await decide(session, lambda record: [MigrationsPending(version=V1, names=("1 a",))], by="maria")
    outlook = await post_deploy_outlook(session)
    assert (outlook.version, outlook.names, outlook.unreachable_after) == (V1, ("1 a",), (V0,))


@pytest.mark.parametrize("case", ["held", "left behind", "superseded", "busy"])
async def test_rule_3_post_deploy_migrations_are_refused_when(session: Session, case: str) -> None:
    await pending(session, "1 a")
    request = after_deploy(V1 if case == "superseded" else "")
    match case:
        case "held":
            await pause(session, by="omar", reason="incident")
        case "left behind":
            await decide(session, lambda record: [LeftBehind(host="web-01", reason="down")], by="maria")
        case "busy":
            await opened(session)
    before = await kinds(session)
    with pytest.raises(Refused) as refused:
        await run_post_deploy(session, request, new_driver(POST_DEPLOY, "maria"))
    expected = {"held": PAUSED, "left behind": "left_behind", "superseded": "superseded", "busy": "lease"}
    assert refused.value.name == expected[case]
    assert isinstance(refused.value, LeaseHeld if case == "busy" else Refused)
    assert await kinds(session) == before


async def test_who_holds_the_lease_is_said_for_people_and_programs(session: Session) -> None:
    assert (await view_lease(session)).sentence == "lab is free"
    await opened(session)
    view = await view_lease(session)
    assert (view.operation, view.version) == ("lab-1", V1)
    assert "opened by maria" in view.sentence


async def test_the_journal_is_verified_with_its_copies_and_a_changed_line_is_named(
    session: Session, hosts: ShellHosts
) -> None:
    await pause(session, by="maria", reason="maintenance")
    assert (await verify_journal(session)).good

    journal = hosts.state("deploy-01") / "journal"
    journal.write_text(journal.read_text().replace("maintenance", "holidays"))
    found = await verify_journal(session)
    assert not found.good
    assert "BROKEN: line 2 was changed" in found.lines[0]


async def test_a_lost_journal_comes_back_from_its_copies_under_a_new_id(
    session: Session, hosts: ShellHosts, small: Environment
) -> None:
    record = await pause(session, by="maria", reason="maintenance")
    (hosts.state("deploy-01") / "journal").unlink()
    with pytest.raises(ConfigError, match="needs a reason"):
        await restore_journal(session_on(hosts, small), by="maria", reason="")
    restored = await restore_journal(session_on(hosts, small), by="maria", reason="disk replaced")
    assert restored.hold == record.hold
    assert restored.authority != record.authority
