"""Whatever task of an old run is cleared after a newer operation: nothing changes, and it is said why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import Superseded
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.task_ids import TaskKind, TaskSpec, deploy_tasks, rollback_tasks
from takeoff.engine.adoption import adopt
from takeoff.engine.alerts import begin_alerts
from takeoff.engine.drivers import new_driver
from takeoff.engine.new_package import Wanted, choose_package
from takeoff.engine.opening import DeployRequest, open_deploy
from takeoff.engine.post_deploy import run_post_deploy
from takeoff.engine.qa import begin_qa
from takeoff.engine.rollback_verdict import RollbackRequest
from takeoff.engine.rolling_back import pause_deploys, stop_deploy
from takeoff.engine.session import Session
from takeoff.engine.tasks import run_task
from takeoff.fleet.journal_copies import copy_hosts
from tests.core.conftest import SMALL
from tests.engine.sessions import V0, V1, V2, installed_hosts, opened, session_on
from tests.fleet.shell_hosts import ShellHosts

OLD, LAST = "lab-1", "lab-2"
DEPLOY_RUN, ROLLBACK_RUN = "deploy_lab/old", "rollback_lab/old"
TEXT = (
    SMALL.replace(", sidekiq: [sidekiq-01]", "")
    .replace('git: ["git-[01:02]"], ', "")
    .replace("  - name: shared\n", "")
    .replace('    roles: {gitaly: ["gitaly-[01:02]"]}\n', "")
    .replace('      git: ["git-cny-01"]\n', "")
)
"""One role of each stage is enough: what is cleared is a task, whoever its hosts are."""

ENVIRONMENT = parse_environment(
    f'{TEXT}qa: {{url: "http://127.0.0.1:9", project: qa}}\npost_deploy_checks: {{qa: true, alerts: true}}\n', "lab.yml"
).environment
ON_ITS_OWN = (TaskKind.PREFLIGHT, TaskKind.APPROVE, TaskKind.VERDICT)
"""Kinds that only look, whatever run they belong to; an approval asks nothing any more (tests/airflow)."""


@pytest.fixture(scope="module")
def after(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShellHosts]:
    """Hosts of an environment in which an old run of one kind was followed by a newer deploy."""
    with installed_hosts(tmp_path_factory.mktemp("hosts") / "hosts", ENVIRONMENT) as hosts:
        asyncio.run(live_through(session_on(hosts, ENVIRONMENT), request.param))
        yield hosts


async def live_through(session: Session, kind: OperationKind) -> None:
    await adopt(session, by="maria")
    if kind is OperationKind.DEPLOY:
        await ended(session, V1, kind, DEPLOY_RUN)
    else:
        await ended(session, V0, kind, ROLLBACK_RUN)
    await ended(session, V2, OperationKind.DEPLOY, "deploy_lab/new")


async def ended(session: Session, version: str, kind: OperationKind, run: str) -> None:
    lease = await opened(session, version, kind, run=run, restore_from=V1)
    await session.leases.close(lease, Outcome.SUCCEEDED, by="maria")


async def clear_deploy_task(session: Session, task: TaskSpec) -> object:
    """Do what Airflow does when a task of the old deploy is cleared."""
    request = DeployRequest(version=V1, by="maria", run=DEPLOY_RUN)
    match task.kind:
        case TaskKind.NEW_PACKAGE:
            return await choose_package(session, Wanted(DEPLOY_RUN))
        case TaskKind.LEASE:
            return await open_deploy(session, request, new_driver(task.id, "maria"))
        case TaskKind.POST_DEPLOY:
            return await run_post_deploy(session, request, new_driver(task.id, "maria"))
    return await clear_shared_task(session, task)


async def clear_rollback_task(session: Session, task: TaskSpec) -> object:
    """The same for the old rollback."""
    request = RollbackRequest(version=V0, by="omar", reason="logins fail", run=ROLLBACK_RUN)
    match task.kind:
        case TaskKind.PAUSE_DEPLOYS:
            return await pause_deploys(session, request, V0)
        case TaskKind.STOP_DEPLOY:
            return await stop_deploy(session, request, new_driver(task.id, "omar"))
    return await clear_shared_task(session, task)


async def clear_shared_task(session: Session, task: TaskSpec) -> object:
    driver = new_driver(task.id, "maria")
    match task.kind:
        case TaskKind.QA:
            return await begin_qa(session, OLD, task, driver)
        case TaskKind.ALERTS:
            return await begin_alerts(session, OLD, task, driver)
    return await run_task(session, OLD, task, driver)


Clear = Callable[[Session, TaskSpec], Awaitable[object]]

NEXT = parse_environment(f"{TEXT}post_deploy: next_deploy\n", "lab.yml").environment
OF_DEPLOYS = list(dict.fromkeys((*deploy_tasks(ENVIRONMENT), *deploy_tasks(NEXT))))
TASKS: list[tuple[OperationKind, TaskSpec, Clear]] = [
    *((OperationKind.DEPLOY, task, clear_deploy_task) for task in OF_DEPLOYS),
    *((OperationKind.ROLLBACK, task, clear_rollback_task) for task in rollback_tasks(ENVIRONMENT)),
]
TASKS = [one for one in TASKS if one[1].kind not in ON_ITS_OWN]


@pytest.mark.parametrize(
    ("after", "task", "clear"), TASKS, ids=[f"{kind.value}-{task.id}" for kind, task, _ in TASKS], indirect=["after"]
)
async def test_a_cleared_task_of_an_old_run_changes_nothing_and_says_what_came_after_it(
    after: ShellHosts, task: TaskSpec, clear: Clear
) -> None:
    session = session_on(after, ENVIRONMENT)
    before = await session.journal.entries()
    after.calls.clear()
    if task.kind in (TaskKind.NEW_PACKAGE, TaskKind.PAUSE_DEPLOYS):
        told = str(await clear(session, task))
        assert V1 in told or "is over: nothing is paused" in told
    else:
        with pytest.raises(Superseded) as refused:
            await clear(session, task)
        assert LAST in str(refused.value) or V2 in str(refused.value), "what came after it"
    assert await session.journal.entries() == before
    assert {host for host, _ in after.calls} <= {"deploy-01", *copy_hosts(ENVIRONMENT)}, (
        "no host was asked for more than the journal and its copies"
    )
