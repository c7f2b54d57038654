"""A task whose process Airflow ends: a quiet stop, after which another worker goes on; a person's stop is final."""

import asyncio
from types import SimpleNamespace

import pytest

from takeoff.core.errors import Halted, Interrupted
from takeoff.core.task_ids import TaskKind, TaskSpec
from takeoff.engine import tasks
from takeoff.operators import engine_operator, fleet_task
from takeoff.operators.fleet_task import FleetTaskOperator

SPEC = TaskSpec("main.web", TaskKind.ROLLOUT, "main", "web")


@pytest.fixture
def operator(monkeypatch):
    """A rollout's task in a session of its own, without hosts."""

    def in_session(environment, run, log, work, stop):
        return asyncio.run(work(SimpleNamespace(stop=stop)))

    monkeypatch.setattr(engine_operator, "in_session", in_session)
    monkeypatch.setattr(fleet_task.AirflowRun, "of", lambda context: SimpleNamespace(by="maria", asked=True))
    monkeypatch.setattr(fleet_task, "opened_operation", lambda context: "lab-1")
    return FleetTaskOperator(environment="lab", spec=SPEC)


@pytest.mark.parametrize(("killed", "error"), [(True, Interrupted), (False, Halted)], ids=["by Airflow", "by a person"])
def test_a_stop_is_tried_again_only_where_airflow_ended_the_process(monkeypatch, operator, killed, error):
    async def run_task(session, operation_id, spec, driver):
        if killed:
            operator.on_kill()
            assert session.stop.halt.by == "Airflow"
        raise Halted("role web: stopped; the hosts in flight were finished")

    monkeypatch.setattr(tasks, "run_task", run_task)
    with pytest.raises(error, match="the hosts in flight were finished") as stopped:
        operator.execute({})
    assert type(stopped.value) is error


def test_a_task_that_has_not_begun_can_be_killed(operator):
    operator.on_kill()
