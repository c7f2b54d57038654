"""What every trigger must do for the triggerer, and when ours fire."""

import time
from collections.abc import Iterator

import pytest
from airflow.sdk.module_loading import import_string

from takeoff.triggers import settling
from takeoff.triggers.alert_bake import AlertBakeTrigger
from takeoff.triggers.migrations import MigrationsTrigger
from takeoff.triggers.new_package import NewPackageTrigger
from takeoff.triggers.qa_pipeline import QaPipelineTrigger
from tests.clients.scripted_server import Answer, ScriptedServer, scripted_server
from tests.core.conftest import SMALL

TRIGGERS = [
    QaPipelineTrigger(environment="gstg", pipeline=7, until=1.5),
    AlertBakeTrigger(environment="gstg", stage="main", baseline=["a"], until=1.5),
    NewPackageTrigger(environment="gstg", run="deploy_gstg/1", until=1.5),
    MigrationsTrigger(
        environment="gstg", operation="gstg-1", host="d", step="migrations", attempt=1, offset=9, until=1.5
    ),
]
ALERT = {"labels": {"alertname": "Slow"}, "annotations": {}, "startsAt": "2026-11-24T14:03:00Z"}
PIPELINE = "GET /api/v4/projects/quality%2Fstaging/pipelines/7"


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
def test_another_triggerer_can_go_on_with_it(trigger):
    path, values = trigger.serialize()
    again = import_string(path)(**values)
    assert type(again) is type(trigger)
    assert again.serialize() == (path, values)


@pytest.fixture
def server(tmp_path, monkeypatch) -> Iterator[ScriptedServer]:
    """Alertmanager and GitLab of environment ``lab`` in one, and no pause before a trigger may fire."""
    monkeypatch.setattr(settling, "MARGIN_S", 0.0)
    monkeypatch.setenv("AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL", "0")
    monkeypatch.setenv("TAKEOFF_ENVIRONMENTS", str(tmp_path))
    with scripted_server() as one:
        text = SMALL.replace("http://127.0.0.1:9093", one.url).replace("heartbeat:", "poll: 0, heartbeat:")
        qa = f'qa: {{url: "{one.url}", project: quality/staging, poll: 0}}\n'
        (tmp_path / "lab.yml").write_text(text + qa)
        yield one


async def events(trigger) -> list[object]:
    return [event.payload async for event in trigger.run()]


def bake(until: float) -> AlertBakeTrigger:
    return AlertBakeTrigger(environment="lab", stage="main", baseline=["old"], until=until)


async def test_a_bake_ends_with_nothing_when_its_time_is_over(server):
    server.answers["GET /api/v2/alerts"] = Answer([ALERT | {"fingerprint": "old"}])
    assert await events(bake(time.time() + 2)) == [""]
    assert len(server.asked) > 2


async def test_a_bake_ends_at_once_with_a_new_alert(server):
    server.answers["GET /api/v2/alerts"] = Answer([ALERT | {"fingerprint": "new"}])
    (seen,) = await events(bake(time.time() + 60))
    assert "Slow" in str(seen)


async def test_a_bake_ends_at_once_without_the_heartbeat(server):
    server.answers["GET /api/v2/alerts"] = Answer([])
    (seen,) = await events(bake(time.time() + 60))
    assert "monitoring is not working" in str(seen)


async def test_a_bake_ends_for_the_task_to_look_when_rubbish_is_answered(server):
    server.answers["GET /api/v2/alerts"] = Answer("<html>", kind="text/html")
    assert await events(bake(time.time() + 60)) == [""]


async def test_waiting_for_qa_ends_with_the_pipeline(server):
    server.answers[PIPELINE] = Answer({"id": 7, "status": "success", "web_url": "http://x"})
    assert await events(QaPipelineTrigger(environment="lab", pipeline=7, until=time.time() + 60)) == [None]


async def test_waiting_for_qa_ends_when_its_time_is_over(server):
    server.answers[PIPELINE] = Answer({"id": 7, "status": "running", "web_url": "http://x"})
    assert await events(QaPipelineTrigger(environment="lab", pipeline=7, until=time.time() + 2)) == [None]
    assert len(server.asked) > 1


def migrations(environment: str, until: float) -> MigrationsTrigger:
    place = {"operation": "lab-1", "host": "deploy-01", "step": "migrations", "attempt": 1, "offset": 0}
    return MigrationsTrigger(environment=environment, until=until, **place)


async def test_watching_migrations_ends_when_their_time_is_over(server):
    assert await events(migrations("lab", time.time() - 1)) == [None]


@pytest.mark.parametrize(
    "trigger",
    [
        QaPipelineTrigger(environment="gone", pipeline=7, until=time.time() + 3600),
        migrations("gone", time.time() + 3600),
    ],
    ids=lambda trigger: type(trigger).__name__,
)
async def test_an_environment_that_is_gone_ends_the_wait_for_the_task_to_tell(server, trigger):
    assert await events(trigger) == [None]
