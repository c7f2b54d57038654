"""A lab of its own for the command's tests, adopted, and the command as a person would run it there."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.state import LabState
from tests.conftest import folder_within_reach
from tests.lab.running import RunningLab, lab_command

ROOT = Path(__file__).parents[2]


@dataclass
class Command:
    """The `takeoff` command on a lab."""

    lab: RunningLab

    @property
    def variables(self) -> dict[str, str]:
        folder = self.lab.state.folder
        lines = (folder / "connections.env").read_text().splitlines()
        connections = dict(shlex.split(line)[0].split("=", 1) for line in lines if line)
        own = {
            "TAKEOFF_ENVIRONMENTS": str(folder / "environments"),
            "PYTHONPATH": str(ROOT / "plugins"),
            "NO_COLOR": "1",
        }
        return {**os.environ, **connections, **own}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin, with the output as it comes."""
        return subprocess.Popen(
            [sys.executable, "-m", "takeoff.cli", *arguments],
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run to the end, and compare the exit status unless it is None."""
        process = self.start(*arguments)
        try:
            stdout, stderr = process.communicate(timeout=300)
        finally:
            process.kill()
        assert status in (None, process.returncode), f"exit {process.returncode}\n{stdout}\n{stderr}"
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def json(self, *arguments: str, status: int = 0) -> Any:
        """Run, and read what it printed."""
        return json.loads(self.run(*arguments, "--json", status=status).stdout)

    def entries(self) -> list[dict[str, Any]]:
        """The whole journal."""
        return [json.loads(line) for line in self.run("journal", "lab", "--last", "0", "--json").stdout.splitlines()]


def wait_for_line(process: subprocess.Popen[str], begin: str) -> None:
    """Read what a command prints until a line begins so."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        if line.startswith(begin):
            return
        said.append(line)
    _, stderr = process.communicate()
    raise AssertionError(
        f"no line begins with {begin!r}; exit {process.returncode}\n--- stdout\n{''.join(said)}--- stderr\n{stderr}"
    )


@pytest.fixture(scope="module")
def takeoff() -> Iterator[Command]:
    """An adopted lab on 17.0.0 of eleven hosts, four of them `main`'s web hosts, and the command on it."""
    with folder_within_reach() as base:
        folder = base / "state"
        own = ("--kind", "process", "--stand-ins", "--hosts", "11", "--version", "17.0.0-ee.0")
        result = lab_command(folder, "up", *own)
        try:
            assert result.returncode == 0, result.stdout + result.stderr
            command = Command(RunningLab(LabState(folder)))
            command.run("adopt", "lab")
            yield command
        finally:
            assert lab_command(folder, "down").returncode == 0


@pytest.fixture
def broken(takeoff: Command) -> Iterator[Callable[..., None]]:
    """Break things for the length of one test."""
    faults: list[tuple[str, ...]] = []

    def apply(*fault: str) -> None:
        takeoff.lab.break_(*fault)
        faults.append(fault)

    yield apply
    for fault in reversed(faults):
        takeoff.lab.mend(*fault)
