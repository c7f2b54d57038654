"""The stand-in for Alertmanager behaves as Alertmanager does: every test runs on both, where the machine has it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from lab.ports import free_ports
from tests.lab.running import ROOT, eventually

pytestmark = pytest.mark.lab

REAL = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CRITICAL = {"alertname": "PgDown", "severity": "critical", "env": "lab", "stage": "main"}
WARNING = {"alertname": "Disk", "severity": "warning", "env": "lab"}


@pytest.fixture(
    scope="module",
    params=[
        "stand-in",
        pytest.param("real", marks=pytest.mark.skipif(not REAL, reason="needs prometheus-alertmanager")),
    ],
)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("alertmanager")
    (folder / "am.yml").write_text("route: {receiver: lab}\nreceivers: [{name: lab}]\n")
    port = free_ports(1)[0]
    real = [
        str(REAL),
        f"--config.file={folder}/am.yml",
        f"--storage.path={folder}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    stand_in = [sys.executable, "-m", "lab.standins.alertmanager", "127.0.0.1", str(port)]
    command = [*real, "--cluster.listen-address="] if request.param == "real" else stand_in
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return requests.get(f"{url}/-/ready", timeout=2).ok
        except requests.ConnectionError:
            return False

    try:
        eventually(ready, "it is ready")
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """The server with two alerts that fire; what a test adds is ended afterwards."""
    post(server, CRITICAL)
    post(server, WARNING)
    yield server
    for silence in requests.get(f"{server}/api/v2/silences", timeout=10).json():
        requests.delete(f"{server}/api/v2/silence/{silence['id']}", timeout=10)


def post(url: str, labels: dict[str, str], lasting: float = 300) -> None:
    now = datetime.now(UTC)
    alert = {
        "labels": labels,
        "annotations": {"summary": "broken"},
        "startsAt": (now - timedelta(seconds=5)).isoformat(),
        "endsAt": (now + timedelta(seconds=lasting)).isoformat(),
    }
    requests.post(f"{url}/api/v2/alerts", json=[alert], timeout=10).raise_for_status()


def names(url: str, *filters: str, **switches: str) -> list[str]:
    return sorted(alert["labels"]["alertname"] for alert in ask(url, *filters, **switches))


def ask(url: str, *filters: str, **switches: str) -> list[dict[str, Any]]:
    parameters = [("filter", each) for each in filters] + list(switches.items())
    answer = requests.get(f"{url}/api/v2/alerts", params=parameters, timeout=10)
    answer.raise_for_status()
    return list(answer.json())


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param([], ["Disk", "PgDown"], id="none"),
        pytest.param(['severity="critical"', 'env="lab"'], ["PgDown"], id="all must hold"),
        pytest.param(['severity=~"critical|warning"'], ["Disk", "PgDown"], id="expression"),
        pytest.param(['severity=~"crit"'], [], id="an expression matches the whole value"),
        pytest.param(['severity!="critical"'], ["Disk"], id="not equal"),
        pytest.param(['severity!~"crit.*"'], ["Disk"], id="not matching"),
        pytest.param(['stage=""'], ["Disk"], id="a missing label is empty"),
        pytest.param(["severity=critical"], ["PgDown"], id="without quotes"),
    ],
)
def test_matchers_choose_alerts(url: str, filters: list[str], found: list[str]) -> None:
    assert names(url, *filters) == found


def test_a_bad_matcher_is_refused(url: str) -> None:
    assert requests.get(f"{url}/api/v2/alerts", params={"filter": "=x="}, timeout=10).status_code == 400


def test_an_alert_has_the_documented_fields(url: str) -> None:
    (alert,) = ask(url, 'alertname="PgDown"')
    assert {"labels", "annotations", "receivers", "fingerprint", "startsAt", "updatedAt", "endsAt", "status"} <= set(
        alert
    )
    assert alert["labels"] == CRITICAL
    assert alert["status"]["silencedBy"] == alert["status"]["inhibitedBy"] == []
    assert alert["receivers"] == [{"name": "lab"}]


def test_an_alert_that_has_ended_is_gone_and_comes_back_when_it_is_posted_anew(url: str) -> None:
    post(url, CRITICAL, lasting=-1)
    eventually(lambda: names(url) == ["Disk"], "it has ended")
    post(url, CRITICAL)
    assert names(url) == ["Disk", "PgDown"]


def test_a_silence_hides_an_alert_until_it_is_expired(url: str) -> None:
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "alertname", "value": "Pg.*", "isRegex": True, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(minutes=5)).isoformat(),
        "createdBy": "deploy",
        "comment": "deploying",
    }
    made = requests.post(f"{url}/api/v2/silences", json=silence, timeout=10).json()["silenceID"]
    eventually(lambda: names(url, silenced="false") == ["Disk"], "it is hidden")
    (alert,) = ask(url, 'alertname="PgDown"')
    assert alert["status"]["silencedBy"] == [made]
    assert alert["status"]["state"] == "suppressed"
    assert names(url, active="false") == ["PgDown"]
    assert requests.get(f"{url}/api/v2/silence/{made}", timeout=10).json()["status"]["state"] == "active"
    assert requests.delete(f"{url}/api/v2/silence/{made}", timeout=10).status_code == 200
    eventually(lambda: names(url, silenced="false") == ["Disk", "PgDown"], "it is back")


def test_status_tells_the_version(url: str) -> None:
    status = requests.get(f"{url}/api/v2/status", timeout=10).json()
    assert status["versionInfo"]["version"]
    assert status["cluster"]["status"] == "disabled"
