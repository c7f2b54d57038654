"""A tool that works in a Python of its own, which stays: it runs the command when told, cold or warm."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cost import Cost
from bench.peers.installed import BIN

SCRIPTS = Path(__file__).parent / "scripts"


class Worker:
    """One such process; it measures its own wall and CPU time, without its start and imports."""

    def __init__(self, process: subprocess.Popen[str], hosts: int) -> None:
        self._process = process
        self._hosts = hosts

    async def run(self, phase: str) -> Cost:
        """Let it run the command on all hosts: ``cold`` makes new connections first, ``warm`` uses them."""
        return await asyncio.to_thread(self._ask, phase)

    def _ask(self, phase: str) -> Cost:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(phase + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        if said["done"] != self._hosts:
            print(f"{self._process.args[1]}: only {said['done']} of {self._hosts} hosts answered")  # type: ignore[index]
        return Cost(said["wall_s"], said["cpu_s"])


@contextmanager
def worker(script: str, login_file: Path, command: str, hosts: int) -> Iterator[Worker]:
    """Start a script of ``scripts/`` in the environment of the benchmarks, and end it."""
    process = subprocess.Popen(
        [str(BIN / "python"), str(SCRIPTS / script), str(login_file), command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
    )
    with process:
        yield Worker(process, hosts)
        assert process.stdin
        process.stdin.close()
