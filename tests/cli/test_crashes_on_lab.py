"""Rule 5 on a lab under traffic: the process of a deploy is killed or frozen at random, and tried again.

On the kind of lab that the run asks for: ``TAKEOFF_LAB=real``, as in CI, for hosts with root file systems of their own,
a `process` lab else. The observer watches all the while, and not one user's request may fail.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.cli.observing import assert_held, watched
from tests.cli.rollback_lab import RollbackLab, rollback_lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

CRASHES = 10
SOAK = int(os.environ.get("TAKEOFF_CRASHES") or 200)
"""Crashes in `make soak`."""

LONGEST_S, LONGEST_IN_SOAK_S = 6.0, 12.0
"""Longest time that a driver is left in peace."""

FROZEN_AT_ONCE = 3


@pytest.fixture(scope="module")
def takeoff() -> Iterator[RollbackLab]:
    with rollback_lab(hosts=9, stages={"canary": ("web",), "main": ("web",)}) as lab:
        yield lab


def test_rule_5_a_deploy_that_is_killed_and_frozen_ten_times_ends_well_each_time(
    takeoff: RollbackLab, tmp_path: Path
) -> None:
    _crash(takeoff, tmp_path, CRASHES, LONGEST_S)


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_rule_5_deploys_that_are_killed_and_frozen_again_and_again_end_well(
    takeoff: RollbackLab, tmp_path: Path
) -> None:
    _crash(takeoff, tmp_path, SOAK, LONGEST_IN_SOAK_S)


def _crash(takeoff: RollbackLab, folder: Path, crashes: int, longest_s: float) -> None:
    seed = int(os.environ.get("TAKEOFF_CRASH_SEED") or random.SystemRandom().randrange(2**32))
    told = f"{crashes} crashes from seed {seed} (TAKEOFF_CRASH_SEED={seed} chooses the same ones)"
    print(told)
    with watched(takeoff, folder) as verdict:
        deploys = _Crashes(takeoff, folder, Random(seed), longest_s).happen(crashes)
    assert_held(verdict, told)
    assert takeoff.drained() == []
    assert deploys > 0


@dataclass
class _Try:
    """One process of a deploy, and what it prints."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def drives(self) -> bool:
        """Whether it has begun a task: from then on a newer driver supersedes it."""
        return any(line.startswith("  ") for line in self.output.read_text().splitlines())


@dataclass
class _Crashes:
    """Deploys one version after another, and lets crashes happen meanwhile."""

    takeoff: RollbackLab
    folder: Path
    chance: Random
    longest_s: float
    frozen: list[_Try] = field(default_factory=list)
    started: int = 0

    def happen(self, crashes: int) -> int:
        """Let so many happen; how many deploys they took."""
        left, deploys = crashes, 0
        try:
            while left:
                deploys += 1
                left = self._deploy(self.takeoff.newer(), left)
        finally:
            for one in self.frozen:
                one.process.kill()
                one.process.wait()
        return deploys

    def _deploy(self, version: str, crashes: int) -> int:
        """Deploy a version by as many tries as it takes; how many crashes are left."""
        while True:
            one = self._start(version)
            woken = [self._wake()] if self.frozen and self.chance.random() < 0.5 else []
            peace_s = self.chance.uniform(0.3, self.longest_s) if crashes else 300.0
            try:
                status = one.process.wait(peace_s)
            except subprocess.TimeoutExpired:
                crashes -= 1
                self._hit(one)
            else:
                self._ended(woken)
                if status == 3 and woken and not self._is_deployed(version):
                    continue  # the woken driver had gone on to its next task before this try was there
                assert status == 0 or self._is_deployed(version), f"exit {status}:\n{one.output.read_text()}"
                break
            self._ended(woken)
        assert self.takeoff.installed() == {version}
        self._wake_up_after_all_is_done()
        return crashes

    def _start(self, version: str) -> _Try:
        self.started += 1
        output = self.folder / f"try-{self.started}.txt"
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-u", "-m", "takeoff.cli", "deploy", "lab", version],
                env=self.takeoff.variables, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
            )  # fmt: skip
        return _Try(process, output)

    def _hit(self, one: _Try) -> None:
        if one.drives and len(self.frozen) < FROZEN_AT_ONCE and self.chance.random() < 0.5:
            one.process.send_signal(signal.SIGSTOP)
            self.frozen.append(one)
        else:
            one.process.kill()
            one.process.wait()

    def _wake(self) -> _Try:
        """Wake a frozen driver while its own retry is at work."""
        one = self.frozen.pop(0)
        time.sleep(self.chance.uniform(0.0, 4.0))
        one.process.send_signal(signal.SIGCONT)
        return one

    def _wake_up_after_all_is_done(self) -> None:
        """Wake the frozen drivers one after another: nothing changes in the journal, on hosts or on balancers."""
        for one in [self.frozen.pop() for _ in list(self.frozen)]:
            before = self._state()
            one.process.send_signal(signal.SIGCONT)
            self._ended([one])
            assert self._state() == before, one.output.read_text()

    @staticmethod
    def _ended(woken: list[_Try]) -> None:
        """Await the end of drivers that were frozen.

        Superseded they end with 3, by connections that broke meanwhile with 1, and with 0 if their operation has ended
        well or no retry of it had got to work.
        """
        for one in woken:
            try:
                status = one.process.wait(120)
            finally:
                with suppress(ProcessLookupError):
                    one.process.kill()
            told = one.output.read_text()
            assert status in (0, 1, 3), f"exit {status}:\n{told}"
            assert "Traceback" not in told

    def _is_deployed(self, version: str) -> bool:
        """Whether a try was killed between the end of its operation and its own."""
        status = self.takeoff.json("status", "lab")
        return bool(status["deployed"] == version and status["operation"]["outcome"] == "succeeded")

    def _state(self) -> tuple[Any, ...]:
        lab, record = self.takeoff.lab, self.takeoff.lab.record
        jobs = 'cd "${TAKEOFF_HOST_ROOT:-}/var/lib/takeoff/lab/jobs" 2>/dev/null && find . -type d | sort'
        servers = {node: lab.servers(node) for node in record.layout.balancers}
        return (
            self.takeoff.entries(),
            {node: {name: row["status"] for name, row in rows.items()} for node, rows in servers.items()},
            {host.name: lab.kind.run(host.name, jobs).output for host in record.layout.hosts},
        )
