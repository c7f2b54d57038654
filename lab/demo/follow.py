"""Watches a run as the web UI would, and prints one line for each step as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from lab.state import LabError
from takeoff.clients.airflow_api import AirflowApi, Run
from takeoff.clients.json_requests import NotThere
from takeoff.core.errors import SourceUnavailable
from takeoff.core.task_ids import LEASE

POLL_S = 0.5
"""Seconds between two looks."""

TOLD = {"success", "failed", "skipped", "upstream_failed", "awaiting_input", "up_for_retry"}
"""States of a task that are worth a line."""

OVER = {"success", "failed"}
"""States in which a run has ended."""


class Follower:
    """Follows runs of one DAG and tells what becomes of their tasks.

    Args:
        api: the Airflow.
        dag_id: whose runs.
        say: prints a line.
        summaries: task id → what the journal says of it, asked once for each line.
    """

    def __init__(
        self, api: AirflowApi, dag_id: str, say: Callable[[str], None], summaries: Callable[[], Mapping[str, str]]
    ) -> None:
        self._api = api
        self._dag_id = dag_id
        self._say = say
        self._summaries = summaries
        self._begun = time.monotonic()
        self._states: dict[str, str] = {}

    def wait_until_known(self, patience: float = 60) -> None:
        """Wait until Airflow has read the DAG.

        Raises:
            LabError: it does not.
        """
        self._until(self._is_known, patience, f"Airflow has not read {self._dag_id} within {patience:.0f} s")

    def past_runs(self) -> set[str]:
        """Ids of the runs that can deploy nothing new: they are over, or past the task that takes the lease."""
        return {
            run.run_id
            for run in self._api.runs(self._dag_id)
            if run.state in OVER or self._api.task_states(run.dag_id, run.run_id).get(LEASE) in TOLD
        }

    def wait_for_deploying_run(self, past: Collection[str], patience: float = 120) -> Run:
        """Wait for the run that begins to deploy, among those that were not past before.

        The schedule starts one too, at a full hour or when Airflow first reads the DAG; whichever takes the lease first
        deploys, and the other ends quietly.

        Raises:
            LabError: none did.
        """
        found: list[Run] = []

        def look() -> bool:
            fresh = [run for run in self._api.runs(self._dag_id) if run.run_id not in past]
            found[:] = [run for run in fresh if self._api.task_states(run.dag_id, run.run_id).get(LEASE) == "success"]
            return bool(found)

        self._begun = time.monotonic()
        self._until(look, patience, f"no run of {self._dag_id} began to deploy within {patience:.0f} s of the event")
        return found[0]

    def follow(self, run: Run, until: str, patience: float) -> dict[str, str]:
        """Tell each step of a run until a task of it has ended, or the run has.

        Args:
            run: which.
            until: id of the task.
            patience: seconds.

        Returns:
            The state of each task.

        Raises:
            LabError: it took too long.
        """

        def look() -> bool:
            states = self._api.task_states(run.dag_id, run.run_id)
            self._tell(states)
            ended = self._api.run(run.dag_id, run.run_id).state in OVER
            return ended or states.get(until) in {"success", "failed", "skipped", "upstream_failed", "awaiting_input"}

        self._until(look, patience, f"{run.dag_id} was not done within {patience:.0f} s")
        return self._states

    def _tell(self, states: Mapping[str, str]) -> None:
        fresh = {task: state for task, state in states.items() if state != self._states.get(task)}
        summaries = self._summaries() if TOLD & set(fresh.values()) else {}
        for task, state in fresh.items():
            if state in TOLD:
                minutes, seconds = divmod(int(time.monotonic() - self._begun), 60)
                text = summaries.get(task, "") if state in ("success", "failed") else ""
                self._say(f"  {minutes}:{seconds:02}  {task:<24} {state.replace('_', ' '):<15} {text}".rstrip())
        self._states.update(states)

    def _is_known(self) -> bool:
        try:
            return not self._api.is_paused(self._dag_id)
        except NotThere:
            return False

    @staticmethod
    def _until(look: Callable[[], bool], patience: float, complaint: str) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                if look():
                    return
            except SourceUnavailable:
                pass  # Airflow is busy starting; the deadline holds all the same.
            if time.monotonic() > deadline:
                raise LabError(complaint)
            time.sleep(POLL_S)
