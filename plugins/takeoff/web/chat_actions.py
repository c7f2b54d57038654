"""What chat changes, all of it through Airflow's REST API: runs started, approvals answered, failed tasks cleared.

So it stands in Airflow's audit log, and the process that serves chat needs no key to any host.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from takeoff.clients.airflow_api import AirflowApi, Run, WaitingApproval
from takeoff.clients.json_requests import Conflict, NotThere
from takeoff.core.approval_text import answer_fields
from takeoff.core.chat_command import ChatCommand, Verb
from takeoff.core.control_action import ControlAction
from takeoff.core.dag_names import control_dag, deploy_dag, rollback_dag
from takeoff.core.environment_status import EnvironmentStatus
from takeoff.core.errors import Refused
from takeoff.core.operation import command_again
from takeoff.core.strict_model import format_duration
from takeoff.core.task_ids import APPROVE, FINISH
from takeoff.web.chat_request import WINDOW_S, ChatRequest

CONTROLS = {
    Verb.PAUSE: ControlAction.PAUSE,
    Verb.RESUME: ControlAction.RESUME,
    Verb.LEASE_RELEASE: ControlAction.RELEASE_LEASE,
    Verb.ROLLBACK_CHECK: ControlAction.ROLLBACK_CHECK,
    Verb.PACKAGES: ControlAction.PACKAGES,
    Verb.CHECK: ControlAction.PREFLIGHT,
    Verb.WARMUP: ControlAction.WARMUP,
}
"""Commands that a run of ``control_<environment>`` carries out."""

APPROVED = "Approve"
"""The answer of Airflow's ``ApprovalOperator`` that means yes."""

SEARCHED = 20
"""Newest runs among which the one whose approval can be reopened is looked for."""

_RUN_URL = re.compile(r"/dags/(?P<dag>[^/]+)/runs/(?P<run>[^/?#]+)$")


class Started(NamedTuple):
    """A run that does what was asked.

    Attributes:
        run: the run.
        again: it was there already: the same command came twice.
    """

    run: Run
    again: bool


class ChatActions:
    """Acts for one request.

    Args:
        api: Airflow's.
        links: address of the web UI that people use; the API's own if empty.
        request: who asked, and when.
    """

    def __init__(self, api: AirflowApi, links: str, request: ChatRequest) -> None:
        self._api = api
        self._links = (links or api.url).rstrip("/")
        self._request = request

    def url(self, run: Run | WaitingApproval) -> str:
        """Name where a person looks at a run."""
        return f"{self._links}/dags/{quote(run.dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"

    def start(self, command: ChatCommand) -> Started:
        """Start the run that a command asks for; the same command again within a minute finds that run.

        Raises:
            ConfigError: Airflow refuses the run, or does not know the environment's DAG.
            SourceUnavailable: Airflow gives no answer; whether the run was started is unknown.
        """
        dag_id, conf = _run_of(command)
        conf |= {"requested_by": self._request.asker.name}
        now, before = self._run_ids(command)
        try:
            return Started(self._api.run(dag_id, before), again=True)
        except NotThere:
            pass
        note = f"{self._request.asker.name}: {command.unconfirmed().text}"
        try:
            return Started(self._api.start_run(dag_id, conf, note, run_id=now), again=False)
        except Conflict:
            return Started(self._api.run(dag_id, now), again=True)

    def waiting_approval(self, environment: str) -> WaitingApproval | None:
        """Find the question about post-deploy migrations that waits; the newest, if several do."""
        waiting = self._api.waiting_approvals(deploy_dag(environment))
        return waiting[-1] if waiting else None

    def approve(self, waiting: WaitingApproval, reason: str) -> bool:
        """Say yes in the asker's name; False if somebody was faster."""
        return self._api.answer_approval(waiting, APPROVED, answer_fields(reason, self._request.asker.name))

    def ask_again(self, environment: str) -> Run:
        """Let the newest finished deploy ask again about its post-deploy migrations.

        Raises:
            Refused: no deploy has finished lately.
        """
        dag_id = deploy_dag(environment)
        for run in self._api.runs(dag_id)[:SEARCHED]:
            states = self._api.task_states(dag_id, run.run_id)
            if states.get(FINISH) == "success":
                self._api.clear_tasks(dag_id, run.run_id, [APPROVE])
                return run
        raise Refused("approval", f"none of the newest {SEARCHED} runs of {dag_id} has finished a deploy")

    def retry(self, environment: str, status: EnvironmentStatus | None) -> tuple[Run, tuple[str, ...]]:
        """Clear what failed in the current run, and all that follows it.

        Returns:
            The run, and the tasks that had failed.

        Raises:
            Refused: nothing failed.
        """
        run = self._current_run(environment, status)
        states = self._api.task_states(run.dag_id, run.run_id)
        failed = tuple(task for task, state in states.items() if state == "failed")
        if not failed:
            raise Refused("retry", f"no task of {run.dag_id}, run {run.run_id}, has failed: it is {run.state}")
        self._api.clear_tasks(run.dag_id, run.run_id, failed, downstream=True)
        return run, failed

    def _current_run(self, environment: str, status: EnvironmentStatus | None) -> Run:
        """Find the run of the open operation; without one, the newest run of the deploy."""
        operation = status.operation if status else None
        if operation is not None and operation.outcome is None:
            if (found := _RUN_URL.search(operation.run_url)) is None:
                again = command_again(operation.kind, environment, operation.version)
                raise Refused("retry", f"{operation.id} was begun on the command line: `{again}` goes on with it")
            return self._api.run(unquote(found["dag"]), unquote(found["run"]))
        runs = self._api.runs(deploy_dag(environment))
        if not runs:
            raise Refused("retry", f"{deploy_dag(environment)} has no run yet")
        return runs[0]

    def _run_ids(self, command: ChatCommand) -> tuple[str, str]:
        """Name the run of this window, and that of the window before, in which the first click may have been."""
        window = int(self._request.sent_at.timestamp()) // WINDOW_S
        wish = f"{self._request.asker.name}\n{command.unconfirmed().text}"
        digest = hashlib.sha256(wish.encode()).hexdigest()[:12]
        now, before = (f"chat__{one * WINDOW_S}__{digest}" for one in (window, window - 1))
        return now, before


def _run_of(command: ChatCommand) -> tuple[str, dict[str, Any]]:
    """Say which DAG carries a command out, with which params."""
    name, told = command.environment, {"reason": command.reason}
    match command.verb:
        case Verb.DEPLOY:
            return deploy_dag(name), told | {"version": command.version, "skip": dict(command.skips)}
        case Verb.ROLLBACK:
            return rollback_dag(name), told | {"version": command.version, "force": dict(command.force)}
    given = {
        "action": CONTROLS[command.verb].value,
        "for": format_duration(command.lasting) if command.lasting is not None else "",
    }
    more = {"version": command.version, "stop_after": command.stop_after}
    return control_dag(name), told | given | {param: value for param, value in more.items() if value}
