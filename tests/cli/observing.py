"""The observer beside a command's tests: a process that knows nothing of Takeoff and judges what it did."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.rollback_lab import RollbackLab
from tests.lab.running import ROOT, eventually


@contextmanager
def watched(takeoff: RollbackLab, folder: Path) -> Iterator[Path]:
    """Have the observer and a hundred requests a second for as long as this lasts; the file of its verdict."""
    verdict, log = folder / "verdict.json", folder / "observer.log"
    state = str(takeoff.lab.state.folder)
    command = [sys.executable, "-m", "lab.observer", "--state", state, "--verdict", str(verdict)]
    with log.open("wb") as stream:
        observer = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream)
    try:
        eventually(verdict.exists, f"the observer looks: {log.read_text()}", seconds=60)
        yield verdict
    finally:
        observer.send_signal(signal.SIGTERM)
        try:
            observer.wait(60)
        finally:
            observer.kill()
            observer.wait()


def assert_held(verdict: Path, told: str = "") -> None:
    """Every rule held at many looks, and not one of the users' requests failed."""
    report: dict[str, Any] = json.loads(verdict.read_text())
    assert [breach for rule in report["rules"].values() for breach in rule["breaches"]] == [], told
    assert all(rule["held"] for rule in report["rules"].values()), (told, report["rules"])
    assert report["traffic"]["requests"] > 0
    assert report["traffic"]["failed"] == 0, (told, report["traffic"])
    assert report["held"], told
    assert report["looks"] > 10
