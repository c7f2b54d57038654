"""The doors of chat over an Airflow of three methods, for tests that are about what happens before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI

from takeoff.clients.airflow_api import Run, WaitingApproval
from takeoff.clients.json_requests import Conflict, NotThere
from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import SourceUnavailable
from takeoff.core.people_settings import ChatRights, Right
from takeoff.web.chat_conversation import Conversation
from takeoff.web.chat_doors import WorkBehind
from takeoff.web.mattermost import MattermostCommand, mattermost_router
from takeoff.web.slack import SlackApp, SlackDoor, slack_router
from tests.core.conftest import SMALL

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
"""Of the example in Slack's documentation."""

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)


def make_environment(name: str = "lab") -> Environment:
    """Make the smallest environment."""
    return parse_environment(SMALL.replace("name: lab", f"name: {name}", 1), "lab.yml")[0]


class OneMoment:
    """A clock that stands still."""

    def __init__(self, now: float = NOW.timestamp()) -> None:
        self.seconds = now

    def now(self) -> float:
        return self.seconds


class RecordingAirflow:
    """Keeps what was started; refuses the same run id twice, as Airflow does."""

    url = "http://airflow"

    def __init__(self) -> None:
        self.started: dict[str, tuple[str, Mapping[str, Any], str]] = {}
        self.variables: dict[str, str] = {}
        self.is_down = False
        self.waiting: list[WaitingApproval] = []
        self.approved: list[str] = []
        self._lock = threading.Lock()

    def run(self, dag_id: str, run_id: str) -> Run:
        self._answer()
        if run_id not in self.started:
            raise NotThere("no such run")
        return Run(dag_id, run_id, "success", "")

    def start_run(self, dag_id: str, conf: Mapping[str, Any], note: str = "", run_id: str = "") -> Run:
        self._answer()
        with self._lock:
            if run_id in self.started:
                raise Conflict("there is such a run")
            self.started[run_id] = (dag_id, conf, note)
        return Run(dag_id, run_id, "running", note)

    def runs(self, dag_id: str, states: object = ()) -> list[Run]:
        self._answer()
        return [Run(dag, run_id, "success", "") for run_id, (dag, _, _) in self.started.items() if dag == dag_id]

    def returned(self, dag_id: str, run_id: str, task_id: str) -> str:
        return f"{self.started[run_id][1].get('action')} done"

    def variable(self, key: str) -> str:
        self._answer()
        return self.variables.get(key, "")

    def waiting_approvals(self, dag_id: str) -> list[WaitingApproval]:
        self._answer()
        return self.waiting

    def answer_approval(self, waiting: WaitingApproval, option: str, values: Mapping[str, str]) -> bool:
        self.approved.append(values["requested_by"])
        return len(self.approved) == 1

    def _answer(self) -> None:
        if self.is_down:
            raise SourceUnavailable("Airflow", "got no answer: Connection refused")


class ChatScene:
    """Both doors on one application.

    Args:
        environment: a valid one.
        rights: right → who has it.
        answers_to: where answers go.
    """

    def __init__(
        self,
        environment: Environment,
        rights: dict[Right, tuple[str, ...]],
        answers_to: str = "https://hooks.slack.com",
    ) -> None:
        self.airflow = RecordingAirflow()
        self.clock = OneMoment()
        self.behind = WorkBehind()
        self.groups: dict[str, frozenset[str]] = {}
        self.environment = known = environment.model_copy(update={"chat": ChatRights(rights=rights)})
        self.conversation = Conversation(
            lambda: {known.name: known},
            lambda: self.airflow,  # type: ignore[arg-type, return-value]
            now=lambda: NOW,
            sleep=lambda _: time.sleep(0),
        )
        self.app = FastAPI()
        app = SlackApp(SECRET, answers_to)
        door = SlackDoor(lambda: app, self.clock)  # type: ignore[arg-type]
        self.app.include_router(slack_router(door, self.conversation, self._groups_of, self.behind))
        command = MattermostCommand(("t0ken",), answers_to)
        self.app.include_router(mattermost_router(lambda: command, self.conversation, self.behind, lambda: NOW))

    def _groups_of(self, user: str, groups: Any) -> frozenset[str]:
        return frozenset(group for group in groups if user in self.groups.get(group, ()))
