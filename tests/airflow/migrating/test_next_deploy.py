"""``post_deploy: next_deploy`` in a real Airflow, over a required stop: what is pending comes first."""

from collections.abc import Iterator

import pytest

from takeoff.clients.airflow_api import Run
from takeoff.core.task_ids import APPROVE, FINISH, MIGRATIONS, PENDING_POST_DEPLOY, PREFLIGHT
from takeoff.core.versions import PackageVersion, format_series
from tests.airflow.real_airflow import DAG, RealAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.soak, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def stop(takeoff: RealAirflow) -> Iterator[str]:
    """A version that leaves migrations pending and is a required stop, in an environment that runs them by itself."""
    takeoff.takeoff("resume", "lab")
    version = takeoff.following()
    series = PackageVersion.parse(version).series
    assert series is not None

    def change(data):
        data["post_deploy"] = "next_deploy"
        data["package"]["upgrade_path"] = {"required_stops": [format_series(series)]}

    with takeoff.environment_changed(change):
        takeoff.eventually(lambda: PENDING_POST_DEPLOY in tasks(takeoff), "Airflow knows the task")
        deploy(takeoff, version)
        yield version
    takeoff.eventually(lambda: APPROVE in tasks(takeoff), "Airflow knows the DAG as it was")


@pytest.fixture(scope="module")
def over(takeoff: RealAirflow, stop: str) -> Run:
    """The deploy of the version after the stop."""
    return deploy(takeoff, takeoff.following())


def tasks(takeoff: RealAirflow) -> list[str]:
    return [task["task_id"] for task in takeoff.get(f"/dags/{DAG}/tasks")["tasks"]]


def deploy(takeoff: RealAirflow, version: str) -> Run:
    takeoff.publish(version)
    run = takeoff.run(version=version, reason="as a test")
    for task in (MIGRATIONS, "canary.web", "main.web", FINISH):
        takeoff.reaches(run, task, "success")
    return takeoff.ends(run)


def test_nobody_is_asked_and_preflight_says_that_they_come_first(takeoff, stop, over):
    assert over.state == "success"
    assert APPROVE not in takeoff.api.task_states(DAG, over.run_id)
    told = takeoff.log(over, PREFLIGHT)
    assert f"post-deploy migrations of {stop} have not run" in told
    assert "a required stop of the upgrade path" in told
    assert "they are this deploy's first step" in told


def test_they_run_before_anything_of_the_new_version_behind_a_point_of_no_return(takeoff, stop, over):
    bodies = [one["body"] for one in takeoff.journal()]
    point = next(
        at for at, one in enumerate(bodies) if (one["kind"], one.get("version")) == ("point_of_no_return", stop)
    )
    done = next(
        at for at, one in enumerate(bodies) if (one["kind"], one.get("version")) == ("post_deploy_finished", stop)
    )
    own = max(at for at, one in enumerate(bodies) if (one["kind"], one.get("task")) == ("task_started", MIGRATIONS))
    assert point < done < own
    assert takeoff.summaries(PENDING_POST_DEPLOY)[-1].startswith("1 post-deploy migration of ")


def test_what_the_new_version_leaves_waits_for_the_deploy_after_it(takeoff, stop, over):
    assert takeoff.status()["pending"]["version"] == takeoff.status()["deployed"] != stop
