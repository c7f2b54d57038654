import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from takeoff.clients.alertmanager import Alertmanager
from takeoff.core.errors import ConfigError, SourceUnavailable, SourceUntrusted
from tests.clients.scripted_server import Answer, scripted_server

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIGURATION = """\
route: {receiver: nobody}
receivers: [{name: nobody}]
inhibit_rules:
- {source_matchers: [alertname="Outage"], target_matchers: [alertname="Consequence"]}
"""
HEARTBEAT = 'alertname="Heartbeat"'
CRITICAL = ('env="gstg"', 'severity=~"s1|s2"')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def real(tmp_path: Path) -> Iterator[str]:
    """The address of a real Alertmanager."""
    if PROGRAM is None:
        pytest.skip("needs prometheus-alertmanager")
    (tmp_path / "alertmanager.yml").write_text(CONFIGURATION)
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, f"--config.file={tmp_path}/alertmanager.yml", f"--storage.path={tmp_path}/data",
             f"--web.listen-address={address}", "--cluster.listen-address="],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                requests.get(f"http://{address}/-/ready", timeout=1).raise_for_status()
                break
            except requests.RequestException:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait()


def fire(url: str, **labels: str) -> None:
    now = datetime.now(UTC)
    alert = {"labels": labels, "startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
    requests.post(f"{url}/api/v2/alerts", json=[alert], timeout=10).raise_for_status()


def silence(url: str, name: str, value: str) -> None:
    now = datetime.now(UTC)
    matcher = {"name": name, "value": value, "isRegex": False, "isEqual": True}
    body = {
        "matchers": [matcher],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "ada",
        "comment": "known",
    }
    requests.post(f"{url}/api/v2/silences", json=body, timeout=10).raise_for_status()


def names(alerts) -> list[str]:
    return sorted(alert.labels["alertname"] for alert in alerts)


def eventually(look, expected) -> None:
    deadline = time.monotonic() + 10
    while (seen := look()) != expected:
        assert time.monotonic() < deadline, seen
        time.sleep(0.05)


def test_all_matchers_must_hold_regular_expressions_too(real):
    fire(real, alertname="Slow", env="gstg", severity="s2")
    fire(real, alertname="Elsewhere", env="gprd", severity="s1")
    fire(real, alertname="Minor", env="gstg", severity="s3")
    with requests.Session() as session:
        eventually(lambda: names(Alertmanager(real, session).firing(CRITICAL)), ["Slow"])


def test_silenced_and_inhibited_alerts_do_not_count_but_as_heartbeat(real):
    fire(real, alertname="Outage", env="gstg", severity="s1")
    fire(real, alertname="Consequence", env="gstg", severity="s1")
    fire(real, alertname="Known", env="gstg", severity="s1")
    silence(real, "alertname", "Known")
    with requests.Session() as session:
        asked = Alertmanager(real, session)
        eventually(lambda: names(asked.firing(CRITICAL)), ["Outage"])
        assert names(asked.firing(CRITICAL, suppressed=True)) == ["Consequence", "Known", "Outage"]


def test_a_look_compares_with_the_baseline_and_asks_for_the_heartbeat(real):
    with requests.Session() as session:
        asked = Alertmanager(real, session)
        fire(real, alertname="Old", env="gstg", severity="s1")
        eventually(lambda: names(asked.firing(CRITICAL)), ["Old"])
        baseline = [alert.fingerprint for alert in asked.firing(CRITICAL)]
        assert not asked.look(CRITICAL, HEARTBEAT, baseline).heartbeat
        fire(real, alertname="Heartbeat")
        fire(real, alertname="New", env="gstg", severity="s1")
        eventually(lambda: names(asked.firing(CRITICAL)), ["New", "Old"])
        seen = asked.look(CRITICAL, HEARTBEAT, baseline)
    assert (names(seen.new), names(seen.known), seen.heartbeat) == (["New"], ["Old"], True)


def test_a_matcher_that_alertmanager_refuses_is_the_files_mistake(real):
    with requests.Session() as session, pytest.raises(ConfigError, match="400 Bad Request"):
        Alertmanager(real, session).firing(["severity=~s1|("])


def test_an_alertmanager_that_answers_html_is_not_believed():
    with scripted_server() as server, requests.Session() as session:
        server.answers["GET /api/v2/alerts"] = Answer("<html>proxy</html>", kind="text/html")
        with pytest.raises(SourceUntrusted, match=f"Alertmanager at {server.url}: .* text/html instead of JSON"):
            Alertmanager(server.url, session).look(CRITICAL, HEARTBEAT, ())


def test_an_alertmanager_that_does_not_answer_is_worth_another_try():
    with scripted_server() as server:
        url = server.url
    with requests.Session() as session, pytest.raises(SourceUnavailable, match="Connection refused"):
        Alertmanager(url, session).firing(CRITICAL)
