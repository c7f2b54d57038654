"""QA and alerts after post-deploy migrations: the last check closes the operation, a failed one leaves it open."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import pytest

from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import CheckFailed, HostUnreachable, LeaseHeld, SourceUnavailable, Superseded, TakeoffError
from takeoff.core.journal_entries import MigrationsPending
from takeoff.core.operation import Outcome
from takeoff.core.record import OperationRecord
from takeoff.core.task_ids import POST_DEPLOY, POST_DEPLOY_ALERTS, POST_DEPLOY_QA, TaskKind, TaskSpec
from takeoff.engine import post_deploy_work
from takeoff.engine.adoption import adopt
from takeoff.engine.alerts import Bake, begin_alerts
from takeoff.engine.drivers import new_driver
from takeoff.engine.journal_entry import decide
from takeoff.engine.opening import DeployRequest
from takeoff.engine.post_deploy import carry_out_post_deploy, post_deploy_outlook, run_post_deploy
from takeoff.engine.qa import begin_qa
from takeoff.engine.release import release_lease
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from tests.clients.scripted_server import Answer, ScriptedServer, scripted_server
from tests.engine.sessions import V0, Direct, draft, install, session_on
from tests.fleet.job_processes import end_jobs
from tests.fleet.shell_hosts import ShellHosts

QA = TaskSpec(POST_DEPLOY_QA, TaskKind.QA)
ALERTS = TaskSpec(POST_DEPLOY_ALERTS, TaskKind.ALERTS)
PROJECT = "/api/v4/projects/quality%2Fstaging"
PIPELINE = f"{PROJECT}/pipelines/7"
HEARTBEAT = {"fingerprint": "beat", "labels": {"alertname": "Heartbeat"}, "startsAt": "2026-11-24T14:00:00Z"}
SLOW = {"fingerprint": "slow", "labels": {"alertname": "Slow"}, "startsAt": "2026-11-24T14:00:00Z"}
TEXT = """\
name: lab
package: {{name: gitlab-ee, sources: [{{type: apt, url: "http://127.0.0.1:9/", suites: [b], keyring: key.gpg}}]}}
ssh: {{user: takeoff, become: none}}
deploy_node: deploy-01
stages: [{{name: main, roles: {{sidekiq: [sidekiq-01]}}}}]
qa: {{url: "{url}", project: quality/staging, retries: 0}}
alerts: {{url: "{url}", matchers: ["a=b"], heartbeat: "c=d", bake: 0s}}
post_deploy_checks: {{qa: true, alerts: true}}
"""
REQUEST = DeployRequest(version="", by="maria")


class Watched:
    """A Watcher that keeps which tasks it was told of."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.done_before: list[str] = []

    def found(self, looked: object) -> None: ...

    def begins(self, task: TaskSpec, hosts: int) -> None:
        self.began.append(task.id)

    def skipped(self, task: TaskSpec) -> None:
        self.done_before.append(task.id)

    def ended(self, task: TaskSpec, result: TaskResult) -> None: ...


@dataclass
class Scene:
    """An environment with one post-deploy migration pending; GitLab and Alertmanager are one scripted server."""

    session: Session
    server: ScriptedServer
    migrated: list[str] = field(default_factory=list)

    def tests(self, status: str) -> None:
        """Let the QA pipeline end so."""
        suite = {"name": "smoke", "total_count": 5, "failed_count": int(status == "failed")}
        shown = Answer({"id": 7, "status": status, "web_url": "http://gitlab.example/7"})
        self.server.answers |= {
            f"POST {PROJECT}/pipeline": shown,
            f"GET {PIPELINE}": shown,
            f"POST {PIPELINE}/retry": shown,
            f"GET {PIPELINE}/test_report": Answer({"test_suites": [suite]}),
            f"GET {PIPELINE}/jobs": Answer([{"id": 1, "name": "smoke", "status": status}]),
            f"GET {PROJECT}/pipelines": Answer([]),
        }

    def fire(self, *alerts: dict[str, object]) -> None:
        """Let these fire: the server reads no filters, so the heartbeat beats with any of them."""
        self.server.answers["GET /api/v2/alerts"] = Answer(list(alerts))

    async def carry_out(self, watched: Watched | None = None) -> str:
        """Do what `takeoff post-deploy` does once it is confirmed."""
        return await carry_out_post_deploy(self.session, REQUEST, watched or Watched())

    async def migrate(self) -> TaskResult:
        """Do what the DAG's task does."""
        return await run_post_deploy(self.session, REQUEST, new_driver(POST_DEPLOY, "maria"))

    async def operation(self) -> OperationRecord:
        (one,) = (await self.session.journal.read()).operations.values()
        return one

    async def kinds(self) -> list[str]:
        return [entry.body.kind for entry in await self.session.journal.entries()]


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as one:
        yield one


def scene_on(folder: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """An environment whose hosts are there; the migrations themselves only write down that they ran."""
    environment = parse_environment(TEXT.format(url=server.url), "lab.yml").environment
    hosts = ShellHosts(folder)
    install(hosts, environment, dict.fromkeys(environment.fleet, V0))
    server.asked.clear()
    scene = Scene(replace(session_on(hosts, environment), credentials=cast(Any, Direct())), server)

    async def pending(fleet: object) -> tuple[str, ...]:
        return () if scene.migrated else ("1 a",)

    async def migrate(fleet: object, lease: Any, **more: object) -> None:
        scene.migrated.append(lease.operation.id)

    async def all_well(part: object, version: str, *, left_behind: object) -> int:
        return 2

    monkeypatch.setattr(post_deploy_work, "pending", pending)
    monkeypatch.setattr(post_deploy_work, "migrate_post_deploy", migrate)
    monkeypatch.setattr(post_deploy_work, "verify_fleet", all_well)
    scene.tests("success")
    scene.fire(HEARTBEAT)
    return scene


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory, server: ScriptedServer) -> dict[str, Path]:
    """Folders of hosts: ``pending``, and ``red`` where QA has failed after the migrations."""

    async def live_through(scene: Scene, hosts: Path, pending: Path) -> None:
        await adopt(scene.session, by="maria")
        await decide(scene.session, lambda record: [MigrationsPending(version=V0, names=("1 a",))], by="maria")
        shutil.copytree(hosts, pending, ignore=shutil.ignore_patterns("sh"))
        scene.tests("failed")
        with pytest.raises(CheckFailed):
            await scene.carry_out()

    base = tmp_path_factory.mktemp("states")
    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(live_through(scene_on(base / "red", server, monkeypatch), base / "red", base / "pending"))
    end_jobs(base / "red")
    return {name: base / name for name in ("red", "pending")}


def copied(state: Path, folder: Path) -> Path:
    for host in ("deploy-01", "sidekiq-01"):
        shutil.copytree(state / host, folder / host)
    return folder


@pytest.fixture
def scene(
    states: dict[str, Path], tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """One migration is pending."""
    yield scene_on(copied(states["pending"], tmp_path / "hosts"), server, monkeypatch)
    end_jobs(tmp_path / "hosts")


@pytest.fixture
def red(
    states: dict[str, Path], tmp_path: Path, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    """The migrations have run, QA has failed after them, and by now it would pass."""
    scene = scene_on(copied(states["red"], tmp_path / "hosts"), server, monkeypatch)
    scene.migrated.append("lab-1")
    yield scene
    end_jobs(tmp_path / "hosts")


async def test_the_last_check_that_passes_closes_the_operation(scene: Scene) -> None:
    watched = Watched()
    assert await scene.carry_out(watched) == f"1 post-deploy migration of {V0} done: 1 a"
    one = await scene.operation()
    assert watched.began == list(one.tasks) == [POST_DEPLOY, POST_DEPLOY_QA, POST_DEPLOY_ALERTS]
    assert one.outcome is Outcome.SUCCEEDED
    assert (await scene.kinds())[-2:] == ["task_finished", "operation_closed"]


async def test_a_red_qa_leaves_the_operation_open_and_says_what_is_done_and_what_to_do(red: Scene) -> None:
    one, record = await red.operation(), await red.session.journal.read()
    assert one.outcome is None
    for told in (
        "QA has not passed: 1 test failed",
        f"the post-deploy migrations of {V0} themselves are done and past their point of no return",
        "lab-1 keeps the lease",
        "`takeoff post-deploy lab` tries it again too",
        "`takeoff lease lab --release --reason …`",
    ):
        assert told in one.tasks[POST_DEPLOY_QA].text
    assert (record.pending, len(record.points_of_no_return)) == (None, 1)


async def test_after_a_red_qa_the_same_command_goes_on_there_and_migrates_nothing_again(red: Scene) -> None:
    outlook = await post_deploy_outlook(red.session)
    assert (outlook.names, outlook.operation) == ((), "lab-1")
    watched = Watched()
    await red.carry_out(watched)
    assert watched.done_before == [POST_DEPLOY]
    assert watched.began == [POST_DEPLOY_QA, POST_DEPLOY_ALERTS]
    assert red.migrated == ["lab-1"]
    assert (await red.operation()).outcome is Outcome.SUCCEEDED


async def test_a_cleared_migrations_task_finds_them_done_and_keeps_the_operation_for_its_checks(red: Scene) -> None:
    again = await red.migrate()
    assert again.operation == "lab-1"
    assert "they were done before" in again.summary
    assert red.migrated == ["lab-1"]
    assert (await red.kinds()).count("point_of_no_return") == 1
    assert (await red.operation()).outcome is None


async def test_rule_5_a_driver_that_dies_between_migrations_and_their_end_is_followed_by_one_that_goes_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(part: object, ended: object) -> None:
        raise HostUnreachable("deploy-01", "the process was killed here")

    with monkeypatch.context() as dying:
        dying.setattr("takeoff.engine.operation_part.OperationPart.finished", dies)
        with pytest.raises(HostUnreachable):
            await scene.migrate()
    again = await scene.migrate()
    assert (again.operation, scene.migrated) == ("lab-1", ["lab-1"])
    assert (await scene.operation()).tasks[POST_DEPLOY].state == "finished"


async def test_nothing_pending_opens_nothing_and_checks_nothing(scene: Scene) -> None:
    await decide(scene.session, lambda record: [MigrationsPending(version=V0, names=())], by="maria")
    before = await scene.kinds()
    watched = Watched()
    assert await scene.carry_out(watched) == f"no post-deploy migrations of {V0} are pending"
    assert (await scene.migrate()).operation == ""
    assert (watched.began, scene.server.asked, await scene.kinds()) == ([], [], before)


async def test_what_fired_before_the_migrations_is_pinned_and_not_held_against_them(scene: Scene) -> None:
    scene.fire(HEARTBEAT, SLOW)
    await scene.migrate()
    assert (await scene.operation()).details.alerts_before == ("beat", "slow")
    bake = await begin_alerts(scene.session, "lab-1", ALERTS, new_driver(ALERTS.id, "maria"))
    assert isinstance(bake, Bake)


async def test_what_fires_since_the_migrations_leaves_the_operation_open(red: Scene) -> None:
    red.fire(HEARTBEAT, SLOW)
    with pytest.raises(CheckFailed, match=r"Slow.*past their point of no return"):
        await begin_alerts(red.session, "lab-1", ALERTS, new_driver(ALERTS.id, "maria"))
    assert (await red.operation()).outcome is None


@pytest.mark.parametrize(
    ("asked", "answer", "error"),
    [
        pytest.param("GET /api/v2/alerts", Answer([]), CheckFailed, id="no heartbeat"),
        pytest.param("GET /api/v2/alerts", Answer({}, 503), SourceUnavailable, id="no Alertmanager"),
        pytest.param(f"GET {PROJECT}/pipelines", Answer({}, 503), SourceUnavailable, id="no GitLab"),
    ],
)
async def test_migrations_that_could_not_be_judged_do_not_begin(
    scene: Scene, asked: str, answer: Answer, error: type[TakeoffError]
) -> None:
    scene.server.answers[asked] = answer
    before = await scene.kinds()
    with pytest.raises(error):
        await scene.carry_out()
    assert (scene.migrated, await scene.kinds()) == ([], before)


async def test_nothing_is_deployed_on_top_of_a_red_check_until_the_lease_is_given_up(red: Scene) -> None:
    deploy = draft(red.session.environment, "17.1.0-ee.0")
    with pytest.raises(LeaseHeld, match=f"its task {POST_DEPLOY_QA} failed"):
        await red.session.leases.open(deploy, new_driver("lease", "omar"), check=lambda record: None)
    record = await release_lease(red.session, by="omar", reason="a newer version repairs it")
    assert record.open_operation is None
    with pytest.raises(Superseded, match=r"released"):
        await begin_qa(red.session, "lab-1", QA, new_driver(QA.id, "maria"))


async def test_an_operation_whose_checks_the_file_has_given_up_is_closed_by_its_last_task(red: Scene) -> None:
    text = TEXT.format(url=red.server.url).replace("{qa: true, alerts: true}", "{}")
    red.session = replace(red.session, environment=parse_environment(text, "lab.yml").environment)
    await red.carry_out()
    assert red.migrated == ["lab-1"]
    assert (await red.operation()).outcome is Outcome.SUCCEEDED
