"""A process that is asked to end: what begins no more, what is left running, what the journal says."""

from __future__ import annotations

import asyncio

import pytest

from takeoff.core.errors import Halted
from takeoff.core.operation import OperationKind
from takeoff.core.rollout_rules import Halt
from takeoff.core.task_ids import MIGRATIONS, TaskKind, TaskSpec
from takeoff.core.verdict import migrating_since
from takeoff.engine import carrying_out, tasks
from takeoff.engine.drivers import new_driver
from takeoff.engine.halting import HaltAsked
from takeoff.engine.holds import pause
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.post_deploy import POST_DEPLOY_TASK
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.engine.tasks import run_task
from tests.engine.sessions import opened

ROLLOUT = TaskSpec("main.web", TaskKind.ROLLOUT, "main", "web")
MIGRATE = TaskSpec(MIGRATIONS, TaskKind.MIGRATIONS)
QA = TaskSpec("main.qa", TaskKind.QA, "main")
FINISH = TaskSpec("finish", TaskKind.FINISH)


async def notes(session: Session) -> list[str]:
    return [entry.body.text for entry in await session.journal.entries() if entry.body.kind == "noted"]


class Endless:
    """Work on a task that ends by being cancelled only."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()

    async def __call__(self, *given: object) -> TaskResult:
        self.begun.set()
        await asyncio.Event().wait()
        raise AssertionError("it never ends")


async def begun(session: Session, monkeypatch: pytest.MonkeyPatch, task: TaskSpec) -> asyncio.Task[TaskResult]:
    """Have a task run whose work does not end."""
    endless = Endless()
    monkeypatch.setattr(tasks, "_WORK", {task.kind: endless})
    working = asyncio.create_task(run_task(session, "lab-1", task, new_driver(task.id, "maria")))
    await endless.begun.wait()
    return working


@pytest.mark.parametrize("task", [ROLLOUT, MIGRATE, FINISH], ids=lambda task: task.id)
async def test_no_further_task_begins_and_the_journal_says_who_stopped_it(session: Session, task: TaskSpec) -> None:
    await opened(session)
    session.stop.ask("maria", "Ctrl-C")
    with pytest.raises(Halted) as halted:
        await run_task(session, "lab-1", task, new_driver(task.id, "maria"))
    told = str(halted.value)
    assert told.startswith(f"{task.id} was not begun: lab-1 was stopped by maria (Ctrl-C); the lease is kept: ")
    for way in ("takeoff deploy lab 17.1.0-ee.0", "takeoff rollback lab VERSION", "takeoff lease lab --release"):
        assert way in told
    record = await session.journal.read()
    assert (record.operations["lab-1"].tasks[task.id].state, record.open_operation is not None) == ("failed", True)
    assert record.operations["lab-1"].tasks[task.id].text == told


async def test_a_rollout_hears_it_at_once_and_offers_no_rollback_of_a_rollback(session: Session) -> None:
    part = OperationPart.of(session, await opened(session, kind=OperationKind.ROLLBACK))
    asked = HaltAsked(part)
    assert await asked() is None
    session.stop.ask("maria", "Ctrl-C")
    session.stop.ask("omar", "SIGTERM")
    then = (
        "the lease is kept: `takeoff rollback lab 17.1.0-ee.0 --reason …` goes on, `takeoff lease lab --release "
        "--reason …` gives it up"
    )
    assert await asked() == Halt(by="maria", reason="Ctrl-C", after="host", then=then)


@pytest.mark.parametrize("task", [MIGRATE, POST_DEPLOY_TASK], ids=lambda task: task.id)
async def test_rule_3_migrations_that_are_left_running_are_noted_and_never_told_as_ended(
    session: Session, monkeypatch: pytest.MonkeyPatch, task: TaskSpec
) -> None:
    kind = OperationKind.POST_DEPLOY if task is POST_DEPLOY_TASK else OperationKind.DEPLOY
    await opened(session, kind=kind)
    working = await begun(session, monkeypatch, task)
    session.stop.ask("maria", "Ctrl-C")
    working.cancel()
    with pytest.raises(Halted, match="goes on without us, and the next try attaches to it; the lease is kept"):
        await working
    assert (await notes(session))[-1].startswith(f"{task.id} was left by maria (Ctrl-C)")
    holder = (await session.journal.read()).open_operation
    assert holder is not None
    assert holder.tasks[task.id].state == "started"
    assert (migrating_since(holder) is not None) == (task is POST_DEPLOY_TASK)


async def test_rule_3_a_pause_that_stops_the_operation_lets_migrations_that_run_be_attached_to(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(session)
    killed = await begun(session, monkeypatch, MIGRATE)
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    await pause(session, by="omar", reason="incident 12", stop_after="host")

    async def attached(part: OperationPart, task: TaskSpec) -> TaskResult:
        return TaskResult(summary="they have run")

    monkeypatch.setattr(tasks, "_WORK", {MIGRATE.kind: attached})
    done = await run_task(session, "lab-1", MIGRATE, new_driver(MIGRATIONS, "maria"))
    assert done.summary == "they have run"
    with pytest.raises(Halted):
        await run_task(session, "lab-1", MIGRATE, new_driver(MIGRATIONS, "maria"))


async def test_whoever_leaves_at_once_is_not_kept_by_the_journal(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(session)
    working = await begun(session, monkeypatch, MIGRATE)
    before = await session.journal.read()
    session.stop.ask("maria", "Ctrl-C")
    session.stop.at_once = True
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await session.journal.read() == before


class Nobody:
    """A watcher who does not look."""

    def found(self, looked: object) -> None: ...
    def begins(self, task: object, hosts: int) -> None: ...
    def skipped(self, task: object) -> None: ...
    def ended(self, task: object, result: object) -> None: ...


async def test_a_check_that_is_left_is_noted_and_not_failed_so_that_the_next_try_waits_for_the_same_pipeline(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(session)
    endless = Endless()
    monkeypatch.setattr(carrying_out, "CHECKS", {TaskKind.QA: endless})
    working = asyncio.create_task(carrying_out.carry_out(session, "lab-1", QA, "maria", Nobody()))
    await endless.begun.wait()
    session.stop.ask("maria", "Ctrl-C")
    working.cancel()
    with pytest.raises(Halted, match=r"main\.qa was left by maria"):
        await working
    with pytest.raises(Halted, match=r"main\.qa was not begun"):
        await carrying_out.carry_out(session, "lab-1", QA, "maria", Nobody())
    assert [note.split(" by ")[0] for note in await notes(session)] == [
        "main.qa was left",
        "main.qa was not begun: lab-1 was stopped",
    ]
    assert "main.qa" not in (await session.journal.read()).operations["lab-1"].tasks
