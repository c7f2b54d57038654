"""The two stories: a deploy that goes well, and one that breaks, is repaired and goes on."""

from __future__ import annotations

import json
from collections.abc import Callable

from lab.demo.follow import Follower
from lab.demo.scene import Scene
from lab.demo.users import Users
from lab.environment_file import ENVIRONMENT
from lab.faults import find_fault
from lab.kind import open_kind
from lab.state import LabError
from takeoff.core.dag_names import deploy_dag, package_asset
from takeoff.core.task_ids import APPROVE, FINISH

DEPLOY_PATIENCE_S = 420.0
"""Longest wait for a deploy of the demo's fleet."""

BROKEN_HOST, BROKEN_TASK = "web-02", "main.web"
"""Whose readiness fails in the second story, and where the deploy must stop because of it."""


class Story:
    """Plays on a scene.

    Args:
        scene: lab and Airflow, up.
        say: prints a line.
    """

    def __init__(self, scene: Scene, say: Callable[[str], None]) -> None:
        self._scene = scene
        self._say = say
        self._dag = deploy_dag(ENVIRONMENT)
        self._follower = Follower(scene.api, self._dag, say, self._summaries)
        self._run_id = ""

    def play(self) -> None:
        """Publish a version, ring, and follow its deploy to the end.

        Raises:
            LabError: the deploy failed, a host is not on the version, or a request of the users failed.
        """
        with Users(self._scene) as users:
            version = self._begin()
            states = self._follower.follow(self._run, APPROVE, DEPLOY_PATIENCE_S)
            self._must_be(states, FINISH, "success")
        self._conclude(version, users)

    def play_failure(self) -> None:
        """The same with a host that breaks: the deploy stops there, and goes on from there once it is repaired.

        Raises:
            LabError: it did not stop where it must, what was done was done again, or a request of the users failed.
        """
        with Users(self._scene) as users:
            kind = open_kind(self._scene.record.kind, self._scene.lab)
            fault = find_fault(self._scene.lab, kind, "readiness", BROKEN_HOST)
            version = self._begin()
            self._follower.follow(self._run, "canary.alerts", DEPLOY_PATIENCE_S)
            fault.apply(BROKEN_HOST)
            self._say(f"  … {BROKEN_HOST} breaks: its readiness check fails from here on")
            states = self._follower.follow(self._run, BROKEN_TASK, DEPLOY_PATIENCE_S)
            self._must_be(states, BROKEN_TASK, "failed")
            fault.lift(BROKEN_HOST)
            self._say(f"  … {BROKEN_HOST} is repaired; {BROKEN_TASK} is cleared, as a person would in the web UI")
            self._scene.api.clear_tasks(self._dag, self._run_id, [BROKEN_TASK], downstream=True)
            states = self._follower.follow(self._run, APPROVE, DEPLOY_PATIENCE_S)
            self._must_be(states, FINISH, "success")
        self._conclude(version, users)

    def next_steps(self) -> list[str]:
        """Say what a person can click now."""
        airflow = self._scene.airflow
        return [
            "Post-deploy migrations wait for your yes; they are a point of no return.",
            f"  open   {airflow.base_url}/required_actions",
            f"  login  {airflow.admin.name} / {airflow.admin_password}",
            f"  run    {airflow.base_url}/dags/{self._dag}/runs/{self._run_id}",
            "Choose Approve, and watch post_deploy.migrations run; or Reject, and nothing changes.",
        ]

    def _begin(self) -> str:
        self._follower.wait_until_known()
        version = self._next_version()
        self._say(f"Publishing {version}, and ringing Airflow's asset, as the package's pipeline would")
        past = self._follower.past_runs()
        self._scene.publish(version)
        self._scene.api.ring(package_asset(ENVIRONMENT), {"version": version})
        self._run = self._follower.wait_for_deploying_run(past)
        self._run_id = self._run.run_id
        return version

    def _next_version(self) -> str:
        """Name the minor release after the deployed one, so that the demo can be played again."""
        status = json.loads(self._scene.takeoff("status", ENVIRONMENT, "--json"))
        major, minor, *_ = status["deployed"].split(".")
        return f"{major}.{int(minor) + 1}.0-ee.0"

    def _summaries(self) -> dict[str, str]:
        """Read from the journal what was told of each task of the newest operation."""
        lines = self._scene.takeoff("journal", ENVIRONMENT, "--json").splitlines()
        bodies = [json.loads(line)["body"] for line in lines]
        told = {"task_finished": "summary", "task_failed": "error"}
        return {body["task"]: body[told[body["kind"]]] for body in bodies if body["kind"] in told}

    def _must_be(self, states: dict[str, str], task: str, state: str) -> None:
        if states.get(task) != state:
            failed = ", ".join(name for name, other in states.items() if other == "failed") or "none"
            raise LabError(f"{task} should be {state}, but is {states.get(task) or 'not begun'}; failed: {failed}")

    def _conclude(self, version: str, users: Users) -> None:
        status = json.loads(self._scene.takeoff("status", ENVIRONMENT, "--json"))
        elsewhere = [host["host"] for host in status["hosts"] if host["installed"] != version]
        if elsewhere:
            raise LabError(f"not on {version}: {', '.join(elsewhere)}")
        self._say(f"All {len(status['hosts'])} hosts run {version}. {users.summary}")
        if users.failed:
            raise LabError(f"{users.failed} requests of users failed during the deploy; none may")
