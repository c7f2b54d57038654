"""What stands beside the hosts in a lab without real servers: repository, Alertmanager and GitLab, a process each."""

from __future__ import annotations

import os
import secrets
import shutil
from datetime import UTC, datetime, timedelta

import requests

from lab.repository import Repository
from lab.spawn import answers, module_command, spawn, wait_until
from lab.state import Endpoint, LabError, LabRecord, LabState, end_processes, running, write_file

HEARTBEAT = {"alertname": "Watchdog", "severity": "none", "env": "lab"}
"""Labels of the alert that always fires."""

READY_PATHS = {"repository": "/dists/bookworm/InRelease", "alertmanager": "/-/ready", "gitlab": "/-/readiness"}

_ALERTMANAGER = "route: {receiver: lab}\nreceivers: [{name: lab}]\n"


class Services:
    """Starts, finds and stops them; each keeps its port for the life of the lab."""

    def __init__(self, state: LabState) -> None:
        self._state = state

    @property
    def repository(self) -> Repository:
        """The repository's folder and key."""
        return Repository(self._state.path("repository"), self._state.path("keys", "repository"))

    def start(self, record: LabRecord) -> None:
        """Start what does not run."""
        repository = self.repository
        if not repository.keyring.exists():
            repository.index()
        record.repository_keyring = str(repository.keyring)
        record.gitlab_token = record.gitlab_token or f"glpat-{secrets.token_hex(10)}"
        for name in READY_PATHS:
            self.start_one(record, name)

    def start_one(self, record: LabRecord, name: str) -> None:
        """Start one of them, unless it runs."""
        if any(each.name == name and running(each) for each in record.processes):
            return
        process = spawn(self._state, name, self._command(record, name), dict(os.environ))
        record.processes = [each for each in record.processes if each.name != name] + [process]
        self._state.write(record)

    def stop_one(self, record: LabRecord, name: str) -> None:
        """End one of them: nobody listens on its port any more."""
        end_processes([each for each in record.processes if each.name == name])

    def wait(self, record: LabRecord) -> None:
        """Wait until all answer, then let the heartbeat fire."""
        for name, path in READY_PATHS.items():
            endpoint = getattr(record, name)
            process = next(each for each in record.processes if each.name == name)
            log = self._state.path("log", f"{name}.log")
            wait_until(lambda e=endpoint, p=path: answers(e, p), name, log, process=process)  # type: ignore[misc]
        fire(record, HEARTBEAT, "always fires; its absence means that alerting is broken")

    def _command(self, record: LabRecord, name: str) -> list[str]:
        endpoint: Endpoint = getattr(record, name)
        real = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
        if name == "alertmanager" and real and not record.settings.get("stand_ins"):
            configuration = self._state.path("alertmanager", "alertmanager.yml")
            write_file(configuration, _ALERTMANAGER.encode())
            return [
                real, f"--config.file={configuration}", f"--storage.path={configuration.parent}",
                f"--web.listen-address={endpoint.address}:{endpoint.port}", "--cluster.listen-address=",
            ]  # fmt: skip
        where = [endpoint.address, str(endpoint.port)]
        if name == "repository":
            return module_command("lab.standins.repository_server", *where, str(self._state.folder))
        if name == "gitlab":
            return module_command("lab.standins.gitlab", *where, str(self._state.folder))
        return module_command("lab.standins.alertmanager", *where)


def fire(record: LabRecord, labels: dict[str, str], summary: str, lasting: timedelta = timedelta(days=3650)) -> None:
    """Post an alert to the lab's Alertmanager; a negative time lets it end at once.

    Raises:
        LabError: Alertmanager does not take it.
    """
    assert record.alertmanager
    now = datetime.now(UTC)
    alert = {
        "labels": labels,
        "annotations": {"summary": summary},
        "startsAt": (min(now, now + lasting) - timedelta(seconds=1)).isoformat(),
        "endsAt": (now + lasting).isoformat(),
    }
    try:
        requests.post(f"{record.alertmanager.url}/api/v2/alerts", json=[alert], timeout=10).raise_for_status()
    except requests.RequestException as error:
        raise LabError(f"Alertmanager does not take an alert: {error}") from None
