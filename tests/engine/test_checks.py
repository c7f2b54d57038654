"""QA and alerts as parts of an operation: one pipeline however often a try begins, and every verdict in the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from takeoff.core.environment import Environment
from takeoff.core.errors import CheckFailed, SourceUnavailable, SourceUntrusted, Superseded
from takeoff.core.journal_entries import Adopted
from takeoff.core.operation import Outcome
from takeoff.core.record import OperationRecord
from takeoff.core.task_ids import TaskKind, TaskSpec
from takeoff.engine.alerts import Bake, alerts_before, begin_alerts, settle_alerts
from takeoff.engine.qa import begin_qa, settle_qa
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.journal import HostJournal
from takeoff.fleet.lease import JournalLeases
from tests.clients.scripted_server import Answer, ScriptedServer, scripted_server
from tests.engine.sessions import Direct, Lines
from tests.fleet.conftest import AUTHORITY, draft_of, driver_of
from tests.fleet.shell_hosts import ShellHosts

QA = TaskSpec("main.qa", TaskKind.QA, "main")
ALERTS = TaskSpec("main.alerts", TaskKind.ALERTS, "main")
PROJECT = "/api/v4/projects/quality%2Fstaging"
PIPELINE = f"{PROJECT}/pipelines/7"
HEARTBEAT = {"fingerprint": "beat", "labels": {"alertname": "Heartbeat"}, "startsAt": "2026-11-24T14:00:00Z"}
SLOW = {"fingerprint": "slow", "labels": {"alertname": "Slow"}, "startsAt": "2026-11-24T14:00:00Z"}


@dataclass
class Scene:
    """An open operation, and GitLab and Alertmanager in one scripted server."""

    session: Session
    server: ScriptedServer
    operation: str

    def pipeline(self, status: str, *, failed: int = 0, tests: int = 5, tries: int = 1) -> None:
        """Let the pipeline be so."""
        shown = Answer({"id": 7, "status": status, "web_url": "http://gitlab.example/7"})
        suite = {"name": "smoke", "total_count": tests, "failed_count": failed}
        jobs = [
            {"id": one, "name": "smoke", "status": "failed" if one < tries else status} for one in range(1, tries + 1)
        ]
        self.server.answers |= {
            f"POST {PROJECT}/pipeline": shown,
            f"GET {PIPELINE}": shown,
            f"POST {PIPELINE}/retry": shown,
            f"GET {PIPELINE}/test_report": Answer({"test_suites": [suite] if tests else []}),
            f"GET {PIPELINE}/jobs": Answer(jobs),
        }

    def fire(self, *alerts: dict[str, object]) -> None:
        """Let these fire: the server does not read filters, so the heartbeat beats with any of them."""
        self.server.answers["GET /api/v2/alerts"] = Answer(list(alerts))

    def posts(self, path: str) -> int:
        return sum(asked.path == path for asked in self.server.asked if asked.method == "POST")

    async def record(self) -> OperationRecord:
        return (await self.session.journal.read()).operations[self.operation]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as one:
        yield one


@pytest.fixture
async def scene(tmp_path: Path, environment: Environment, server: ScriptedServer) -> Scene:
    data = environment.model_dump(by_alias=True) | {
        "qa": {"url": server.url, "project": "quality/staging", "variables": {"V": "{version} {environment} {stage}"}},
        "alerts": {"url": server.url, "matchers": ["a=b"], "heartbeat": "c=d", "bake": "1h"},
    }
    configured = Environment.model_validate(data)
    hosts = ShellHosts(tmp_path / "hosts", "dash")
    journal = HostJournal(HostScript(hosts, configured), SystemClock())
    await journal.append(
        Adopted(authority=AUTHORITY, version="17.0.0-ee.0", versions={}), by="maria", after=await journal.read()
    )
    leases = JournalLeases(journal, SystemClock())
    draft = draft_of(configured, alerts_before=("old",))
    lease = await leases.open(draft, driver_of(), check=lambda record: None)
    session = Session(
        environment=configured,
        environment_sha256=draft.environment_sha256,
        transport=hosts,
        clock=SystemClock(),
        journal=journal,
        leases=leases,
        progress=Lines(),
        credentials=Direct(),  # type: ignore[arg-type]
    )
    return Scene(session, server, lease.operation.id)


async def begin(scene: Scene, name: str = "w1"):
    return await begin_qa(scene.session, scene.operation, QA, driver_of(name=name))


async def settle(scene: Scene, name: str = "w2"):
    return await settle_qa(scene.session, scene.operation, QA, driver_of(name=name))


async def test_a_pipeline_is_started_with_what_the_file_says_and_journalled(scene: Scene) -> None:
    scene.pipeline("running")
    await begin(scene)
    assert scene.server.last("POST").body == {
        "ref": "main",
        "variables": [{"key": "V", "value": "17.1.0-ee.0 lab main"}],
    }
    assert (await scene.record()).pipelines["main.qa"].pipeline == 7


async def test_a_further_try_looks_at_the_same_pipeline(scene: Scene) -> None:
    scene.pipeline("running")
    await begin(scene)
    await begin(scene, "w2")
    assert scene.posts(f"{PROJECT}/pipeline") == 1


async def test_good_tests_pass_and_the_journal_says_so(scene: Scene) -> None:
    scene.pipeline("success")
    await begin(scene)
    result = await settle(scene)
    assert result.summary.startswith("QA has passed: 5 tests")
    assert (await scene.record()).tasks["main.qa"].state == "finished"


async def test_failed_jobs_run_again_once_and_passing_then_is_told_as_flaky(scene: Scene) -> None:
    scene.pipeline("failed", failed=1)
    await begin(scene)
    assert await settle(scene) is None
    assert scene.posts(f"{PIPELINE}/retry") == 1
    scene.pipeline("success", tries=2)
    result = await settle(scene, "w3")
    assert "only at a further try: smoke" in result.summary


async def test_failing_twice_stops_the_deploy_and_a_cleared_task_runs_the_jobs_again(scene: Scene) -> None:
    scene.pipeline("failed", failed=1, tries=2)
    await begin(scene)
    with pytest.raises(CheckFailed, match="QA has not passed: 1 test failed"):
        await settle(scene)
    assert (await scene.record()).tasks["main.qa"].state == "failed"
    assert scene.posts(f"{PIPELINE}/retry") == 0
    await begin(scene, "w3")
    assert (scene.posts(f"{PIPELINE}/retry"), scene.posts(f"{PROJECT}/pipeline")) == (1, 1)


async def test_a_pipeline_without_tests_is_followed_by_a_new_one_when_the_task_is_cleared(scene: Scene) -> None:
    scene.pipeline("success", tests=0)
    await begin(scene)
    with pytest.raises(CheckFailed, match="without a single test"):
        await settle(scene)
    await begin(scene, "w3")
    assert scene.posts(f"{PROJECT}/pipeline") == 2


async def test_a_pipeline_that_does_not_end_in_time_is_no_pass(scene: Scene) -> None:
    scene.pipeline("running")
    await begin(scene)
    with pytest.raises(CheckFailed, match="still 'running' after 2h"):
        await settle(scene)


async def test_no_answer_is_worth_another_try_and_the_journal_keeps_it(scene: Scene) -> None:
    scene.server.answers[f"POST {PROJECT}/pipeline"] = Answer({"message": "down"}, 503)
    with pytest.raises(SourceUnavailable):
        await begin(scene)
    assert (await scene.record()).tasks["main.qa"].state == "failed"


async def test_after_a_newer_operation_nothing_is_asked_and_nothing_journalled(scene: Scene) -> None:
    scene.pipeline("running")
    await begin(scene)
    lease = await scene.session.leases.drive(scene.operation, driver_of(name="w2"))
    await scene.session.leases.close(lease, Outcome.RELEASED, by="maria")
    entries, asked = (await scene.session.journal.read()).seq, len(scene.server.asked)
    with pytest.raises(Superseded):
        await settle(scene, "w3")
    assert ((await scene.session.journal.read()).seq, len(scene.server.asked)) == (entries, asked)


async def test_a_check_of_an_operation_that_ended_well_has_nothing_to_do(scene: Scene) -> None:
    lease = await scene.session.leases.drive(scene.operation, driver_of(name="w2"))
    await scene.session.leases.close(lease, Outcome.SUCCEEDED, by="maria")
    for result in (
        await begin(scene),
        await begin_alerts(scene.session, scene.operation, ALERTS, driver_of()),
    ):
        assert isinstance(result, TaskResult)
        assert "ended well" in result.summary
    assert scene.server.asked == []


async def test_the_baseline_holds_what_fires_before(scene: Scene) -> None:
    scene.fire(SLOW, HEARTBEAT)
    assert await alerts_before(scene.session) == ("beat", "slow")


async def test_without_a_heartbeat_there_is_no_baseline(scene: Scene) -> None:
    scene.fire()
    with pytest.raises(CheckFailed, match="monitoring is not working"):
        await alerts_before(scene.session)


async def test_a_stage_bakes_while_nothing_new_fires_and_passes_then(scene: Scene) -> None:
    scene.fire(HEARTBEAT | {"fingerprint": "old"})
    bake = await begin_alerts(scene.session, scene.operation, ALERTS, driver_of())
    assert isinstance(bake, Bake)
    left = bake.until - scene.session.clock.now()
    assert timedelta(minutes=59) < left <= timedelta(hours=1)
    assert await settle_alerts(scene.session, scene.operation, ALERTS, driver_of(name="w2"), until=bake.until) is None
    over = scene.session.clock.now()
    result = await settle_alerts(scene.session, scene.operation, ALERTS, driver_of(name="w3"), until=over)
    assert result is not None
    assert (await scene.record()).tasks["main.alerts"].state == "finished"


@pytest.mark.parametrize("seen", ["", "1 critical since the operation began: Slow"])
async def test_a_new_alert_stops_the_deploy_also_when_it_is_gone_again(scene: Scene, seen: str) -> None:
    scene.fire(HEARTBEAT | {"fingerprint": "old"})
    await begin_alerts(scene.session, scene.operation, ALERTS, driver_of())
    if not seen:
        scene.fire(SLOW)
    with pytest.raises(CheckFailed, match="alerts of stage main: 1 critical since the operation began: Slow"):
        await settle_alerts(
            scene.session, scene.operation, ALERTS, driver_of(name="w2"), until=scene.session.clock.now(), seen=seen
        )
    assert (await scene.record()).tasks["main.alerts"].state == "failed"


async def test_a_page_instead_of_alerts_is_no_pass(scene: Scene) -> None:
    scene.server.answers["GET /api/v2/alerts"] = Answer("<html>", kind="text/html")
    with pytest.raises(SourceUntrusted, match="text/html instead of JSON"):
        await begin_alerts(scene.session, scene.operation, ALERTS, driver_of())
