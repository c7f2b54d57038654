"""Which run the demo follows: the one that deploys what was published."""

from __future__ import annotations

from typing import cast

import pytest

from lab.demo.follow import Follower
from takeoff.clients.airflow_api import AirflowApi, Run
from takeoff.core.task_ids import LEASE


class Runs:
    """Airflow's runs of one DAG: run id → state of the run and of its lease."""

    def __init__(self, **states: tuple[str, str | None]) -> None:
        self.states = states

    def runs(self, dag_id: str) -> list[Run]:
        return [Run(dag_id, run_id, state, "") for run_id, (state, _) in self.states.items()]

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        return {LEASE: self.states[run_id][1]}


def follower(runs: Runs) -> Follower:
    return Follower(cast(AirflowApi, runs), "deploy_lab", say=lambda line: None, summaries=dict)


@pytest.mark.parametrize(
    ("state", "lease", "past"),
    [
        pytest.param("running", None, False, id="looks for a package"),
        pytest.param("running", "running", False, id="takes the lease"),
        pytest.param("running", "success", True, id="waits for an approval"),
        pytest.param("success", "skipped", True, id="found nothing"),
        pytest.param("failed", "upstream_failed", True, id="failed"),
    ],
)
def test_a_run_is_past_once_it_can_deploy_nothing_new(state: str, lease: str | None, past: bool) -> None:
    assert follower(Runs(one=(state, lease))).past_runs() == ({"one"} if past else set())


def test_a_run_that_the_schedule_began_before_is_followed_if_it_takes_the_lease() -> None:
    runs = Runs(scheduled=("running", None))
    past = follower(runs).past_runs()
    runs.states = {"scheduled": ("running", "success"), "asset_triggered": ("success", "skipped")}
    assert follower(runs).wait_for_deploying_run(past).run_id == "scheduled"
