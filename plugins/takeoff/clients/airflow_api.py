"""Airflow's own REST API v2: what no task may do by its own identity (notes, ending runs, answering, pausing).

A task's identity reaches the Execution API only, so these calls carry a login of their own, from the connection
``airflow_api``. Each client gets a token at its first call, and a fresh one when that has expired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote

import requests

from takeoff.clients.json_requests import Conflict, LoginRefused, NotThere, request_json
from takeoff.core.errors import SourceUntrusted

CONNECTION = "airflow_api"
"""Airflow connection with address, login and password."""

NOTE_LIMIT = 1000
"""Characters of a note (``core_api/datamodels/dag_run.py``)."""

PAGE = 100
"""Items of one answer."""


class Run(NamedTuple):
    """A DAG run."""

    dag_id: str
    run_id: str
    state: str
    note: str


class WaitingApproval(NamedTuple):
    """A task that waits for a person's answer.

    Attributes:
        dag_id: of the run.
        run_id: of the run.
        task_id: of the task.
        map_index: of the task; -1 unless it is mapped.
        subject: the question in one line.
        body: the rest of it, Markdown.
        asked_at: since when it waits, in UTC.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    subject: str
    body: str = ""
    asked_at: datetime | None = None


class AirflowApi:
    """A login at one Airflow.

    Every method raises:
        SourceUnavailable: no answer.
        SourceUntrusted: the answer is not Airflow's.
        NotThere: no such DAG, run, task or asset.
        Conflict: it is not in a state for it.
        ConfigError: the login is refused, or has no right to it.

    Args:
        url: address of the API server, without ``/api/v2``.
        login: user name.
        password: theirs.
        session: carries certificates.
    """

    def __init__(self, url: str, login: str, password: str, session: requests.Session) -> None:
        self.url = url.rstrip("/")
        self.login = login
        self._password = password
        self._session = session
        self._token = ""
        self._name = f"Airflow at {self.url}"

    def runs(self, dag_id: str, states: Sequence[str] = ()) -> list[Run]:
        """List a DAG's newest runs, newest first, in one of these states or in any."""
        answer = self._ask(
            "GET",
            f"/dags/{quote(dag_id, safe='')}/dagRuns",
            params={"limit": PAGE, "order_by": "-run_after", "state": list(states)},
        )
        return [_run(one) for one in _items(answer, "dag_runs", self._name)]

    def run(self, dag_id: str, run_id: str) -> Run:
        """Look at a run."""
        return _run(self._ask("GET", _run_path(dag_id, run_id)))

    def start_run(self, dag_id: str, conf: Mapping[str, Any], note: str = "", run_id: str = "") -> Run:
        """Start a run as a person would.

        Args:
            dag_id: which DAG.
            conf: its params.
            note: shown in the grid.
            run_id: its id; Airflow chooses one if empty.

        Raises:
            Conflict: a run of that id is there already.
        """
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf)}
        body |= {name: value for name, value in (("note", _cut(note)), ("dag_run_id", run_id)) if value}
        return _run(self._ask("POST", f"/dags/{quote(dag_id, safe='')}/dagRuns", json=body))

    def note_run(self, dag_id: str, run_id: str, note: str) -> None:
        """Write a run's note, which the grid shows; an earlier one is replaced."""
        self._ask("PATCH", _run_path(dag_id, run_id), params={"update_mask": "note"}, json={"note": _cut(note)})

    def end_run(self, dag_id: str, run_id: str, state: str, note: str) -> None:
        """End a run as ``failed`` or ``success``: its waiting tasks end, its running ones are told to.

        What a task does on a host goes on: a host job does not end with its task.
        """
        self._ask("PATCH", _run_path(dag_id, run_id), json={"state": state, "note": _cut(note)})

    def clear_tasks(
        self, dag_id: str, run_id: str, task_ids: Sequence[str], *, downstream: bool = False, only_failed: bool = False
    ) -> None:
        """Let tasks of a run run again."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": list(task_ids),
            "include_downstream": downstream,
            "only_failed": only_failed,
            "reset_dag_runs": True,
        }
        self._ask("POST", f"/dags/{quote(dag_id, safe='')}/clearTaskInstances", json=body)

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str]:
        """Map each task of a run to its state; empty for one that has none yet."""
        answer = self._ask("GET", f"{_run_path(dag_id, run_id)}/taskInstances", params={"limit": PAGE})
        return {str(one["task_id"]): one.get("state") or "" for one in _items(answer, "task_instances", self._name)}

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Read what a task of a run has returned."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id, safe='')}/xcomEntries/return_value"
        return self._ask("GET", path, params={"deserialize": "false"})["value"]

    def variable(self, key: str) -> str:
        """Read a Variable; empty if there is none."""
        try:
            return str(self._ask("GET", f"/variables/{quote(key, safe='')}")["value"])
        except NotThere:
            return ""

    def is_paused(self, dag_id: str) -> bool:
        """Whether a DAG's toggle is off."""
        return bool(self._ask("GET", f"/dags/{quote(dag_id, safe='')}")["is_paused"])

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Move a DAG's toggle. Runs in flight freeze with it."""
        self._ask(
            "PATCH",
            f"/dags/{quote(dag_id, safe='')}",
            params={"update_mask": "is_paused"},
            json={"is_paused": paused},
        )

    def waiting_approvals(self, dag_id: str) -> list[WaitingApproval]:
        """List the tasks of a DAG that wait for an answer, oldest first."""
        answer = self._ask(
            "GET",
            f"/dags/{quote(dag_id, safe='')}/dagRuns/~/hitlDetails",
            params={"response_received": "false", "state": "awaiting_input", "limit": PAGE, "order_by": "created_at"},
        )
        found = [(one, one["task_instance"]) for one in _items(answer, "hitl_details", self._name)]
        return [
            WaitingApproval(
                task["dag_id"],
                task["dag_run_id"],
                task["task_id"],
                task["map_index"],
                one["subject"],
                one.get("body") or "",
                _moment(one.get("created_at")),
            )
            for one, task in found
        ]

    def answer_approval(self, waiting: WaitingApproval, option: str, values: Mapping[str, str]) -> bool:
        """Answer for a person.

        Args:
            waiting: what waits.
            option: ``Approve`` or ``Reject``.
            values: field of the form → what is entered.

        Returns:
            False if somebody was faster.
        """
        path = f"{_run_path(waiting.dag_id, waiting.run_id)}/taskInstances/{quote(waiting.task_id, safe='')}"
        try:
            self._ask(
                "PATCH",
                f"{path}/{waiting.map_index}/hitlDetails",
                json={"chosen_options": [option], "params_input": dict(values)},
            )
        except Conflict:
            return False
        return True

    def ring(self, asset: str, extra: Mapping[str, Any]) -> None:
        """Send an event to an asset, which starts the DAGs that wait for it."""
        answer = self._ask("GET", "/assets", params={"name_pattern": asset, "limit": PAGE})
        found = [one for one in _items(answer, "assets", self._name) if one["name"] == asset]
        if not found:
            raise NotThere(f"{self._name}: there is no asset {asset!r}: is its DAG there, and not paused?")
        self._ask("POST", "/assets/events", json={"asset_id": found[0]["id"], "extra": dict(extra)})

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        if self._token:
            try:
                return self._ask_logged_in(method, path, options)
            except LoginRefused:
                self._token = ""  # It may have expired since the last call: a fresh one tells.
        self._token = self._log_in()
        return self._ask_logged_in(method, path, options)

    def _ask_logged_in(self, method: str, path: str, options: Mapping[str, Any]) -> Any:
        return request_json(
            self._session,
            self._name,
            method,
            f"{self.url}/api/v2{path}",
            headers={"Authorization": f"Bearer {self._token}"},
            **options,
        )

    def _log_in(self) -> str:
        given = {"username": self.login, "password": self._password}
        # The connection's login is Airflow's own, not HTTP's: a basic Authorization header would be in the way.
        self._session.auth = None
        answer = request_json(self._session, self._name, "POST", f"{self.url}/auth/token", json=given)
        if not isinstance(answer, dict) or not answer.get("access_token"):
            raise SourceUntrusted(self._name, "the login was answered without a token: is the address Airflow's?")
        return str(answer["access_token"])


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"


def _run(answer: Any) -> Run:
    return Run(answer["dag_id"], answer["dag_run_id"], answer["state"], answer.get("note") or "")


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _items(answer: Any, key: str, source: str) -> list[Any]:
    if not isinstance(answer, dict) or not isinstance(answer.get(key), list):
        raise SourceUntrusted(source, f"the answer has no list {key!r}: is the address Airflow's?")
    return list(answer[key])


def _cut(note: str) -> str:
    return note if len(note) <= NOTE_LIMIT else note[: NOTE_LIMIT - 1] + "…"
