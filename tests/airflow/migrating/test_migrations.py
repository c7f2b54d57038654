"""Regular migrations in a real Airflow: no worker waits for them, their log goes on, a failed one stops the deploy."""

import pytest

from takeoff.clients.airflow_api import Run
from takeoff.core.task_ids import FINISH, MIGRATIONS
from tests.airflow.real_airflow import DAG, RealAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(900)]

NODE = "deploy-01"


@pytest.fixture(scope="module")
def failed(takeoff: RealAirflow) -> Run:
    """A deploy whose migration fails."""
    takeoff.takeoff("resume", "lab")
    version = takeoff.following()
    takeoff.publish(version)
    takeoff.fault("migration", NODE).apply(NODE)
    run = takeoff.run(version=version)
    takeoff.reaches(run, MIGRATIONS, "failed")
    takeoff.fault("migration", NODE).lift(NODE)
    return takeoff.ends(run)


@pytest.fixture(scope="module")
def waiting(takeoff: RealAirflow, failed: Run) -> Run:
    """The same deploy, cleared, whose migration takes longer than a worker stays."""
    takeoff.fault("migration-endless", NODE).apply(NODE)
    takeoff.api.clear_tasks(DAG, failed.run_id, [MIGRATIONS], downstream=True)
    takeoff.reaches(failed, MIGRATIONS, "deferred")
    return failed


def test_a_failed_migration_stops_the_deploy_with_its_cause_and_is_not_run_again_by_itself(takeoff, failed):
    assert failed.state == "failed"
    assert "no_such_column" in failed.note, "the decisive line of its log"
    assert "a failed migration is never run again by itself" in failed.note
    assert takeoff.tries(failed, MIGRATIONS) == 1
    ended = [one["body"]["kind"] for one in takeoff.journal() if one["body"].get("task") == MIGRATIONS]
    assert ended[-2:] == ["task_started", "task_failed"]


def test_no_worker_waits_for_a_long_migration_whose_log_goes_on_in_the_tasks(takeoff, waiting):
    takeoff.eventually(lambda: "starting" in takeoff.log(waiting, MIGRATIONS), "the triggerer watches it")
    assert "migrating" in takeoff.log(waiting, MIGRATIONS)
    takeoff.fault("migration-endless", NODE).lift(NODE)
    for task in (MIGRATIONS, "canary.web", FINISH):
        takeoff.reaches(waiting, task, "success")
    log = takeoff.log(waiting, MIGRATIONS)
    assert log.index("no worker waits for it") < log.index("migrated ("), "what it said after the worker had left"
    assert takeoff.summaries(MIGRATIONS)[-1].startswith("regular migrations of ")
