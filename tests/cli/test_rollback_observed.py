"""Deploys, post-deploy migrations and rollbacks on real hosts, under traffic, watched by a program that is not ours."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.real.machine import refusal
from tests.cli.rollback_lab import RollbackLab, rollback_lab
from tests.lab.running import ROOT, eventually

pytestmark = [
    pytest.mark.lab,
    pytest.mark.soak,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(refusal()), reason=refusal() or "the machine can run real hosts"),
]

BROUGHT_BACK = 'gitlab-psql -c "ALTER TABLE notes ADD COLUMN IF NOT EXISTS detail_17_0 text"'


@pytest.fixture(scope="module")
def takeoff() -> Iterator[RollbackLab]:
    with rollback_lab(hosts=8, kind="real") as lab:
        yield lab


@contextmanager
def observed(takeoff: RollbackLab, folder: Path) -> Iterator[None]:
    """Let the observer watch, with a hundred requests a second; every rule must hold and no request may fail."""
    verdict, log = folder / "verdict.json", folder / "observer.log"
    command = [
        sys.executable,
        "-m",
        "lab.observer",
        "--state",
        str(takeoff.lab.state.folder),
        "--verdict",
        str(verdict),
    ]
    with log.open("wb") as stream:
        process = subprocess.Popen(command, cwd=ROOT, stdout=stream, stderr=stream)
    try:
        eventually(verdict.exists, "the observer looks")
        yield
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    result = json.loads(verdict.read_bytes())
    assert result["held"], log.read_text()
    assert all(rule["held"] for rule in result["rules"].values())
    assert result["traffic"]["requests"] > 0
    assert result["traffic"]["failed"] == 0
    assert result["looks"] > 10


def test_a_deploy_and_its_rollback_break_no_rule_and_fail_no_request(takeoff: RollbackLab, tmp_path: Path) -> None:
    base, newer = takeoff.at_rest(), takeoff.newer()
    with observed(takeoff, tmp_path):
        takeoff.run("deploy", "lab", newer)
        assert takeoff.installed() == {newer}
        takeoff.run("rollback", "lab", base, "--reason", "logins fail")
    assert takeoff.installed() == {base}
    assert takeoff.drained() == []


def test_post_deploy_migrations_and_the_refusal_after_them_break_no_rule_nor_does_what_is_forced(
    takeoff: RollbackLab, tmp_path: Path
) -> None:
    base, newer = takeoff.at_rest(), takeoff.newer()
    with observed(takeoff, tmp_path):
        takeoff.run("deploy", "lab", newer)
        takeoff.run("post-deploy", "lab", "--yes")
        refused = takeoff.run("rollback", "lab", base, "--reason", "it is bad", status=3).stderr
        assert f"point_of_no_return: post-deploy migrations of {newer} began" in refused
        assert takeoff.installed() == {newer}
        takeoff.lab.run("deploy-01", BROUGHT_BACK)
        takeoff.run("rollback", "lab", base, "--reason", "bad", "--force", "point_of_no_return=restored the database")
    assert takeoff.installed() == {base}
    forced = takeoff.bodies("overridden")[-1]
    assert (forced["name"], forced["reason"]) == ("point_of_no_return", "restored the database")
