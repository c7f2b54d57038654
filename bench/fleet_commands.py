"""A trivial command on many hosts: the engine's own path beside a bare asyncssh loop and, if installed, Ansible."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncssh

from takeoff.core.environment import Environment
from takeoff.engine.session import Session, open_session
from takeoff.engine.shell_credentials import ShellCredentials
from takeoff.environment_files import load_environment

ROUNDS = 7
ALLOWED = 1.15
"""The engine's path may take so many times the bare loop's wall time."""


class Silent:
    """Nobody looks on."""

    def host(self, host: str, step: str, detail: str = "") -> None:
        """Tell nothing."""

    def line(self, text: str) -> None:
        """Tell nothing."""


def main() -> int:
    """Start a lab, measure, print a table of ratios; 1 if the promise is broken."""
    count = os.environ.get("TAKEOFF_BENCH_HOSTS", "60")
    with tempfile.TemporaryDirectory(prefix="takeoff-bench-") as name:
        state = Path(name) / "lab"
        try:
            _lab("up", "--hosts", count, state=state)
            (file,) = (state / "environments").glob("*.yml")
            return asyncio.run(_measure(file))
        finally:
            _lab("down", state=state)


def _lab(*arguments: str, state: Path) -> None:
    command = [sys.executable, "-m", "lab", arguments[0], "--state", str(state), *arguments[1:]]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": "plugins:."})


async def _measure(file: Path) -> int:
    loaded = load_environment(str(file))
    costs: dict[str, tuple[float, float]] = {}
    async with open_session(loaded, ShellCredentials(), Silent()) as session:
        environment = session.environment
        bare = await _bare_connections(environment)
        try:
            await _through_engine(session)
            for name, work in (
                ("engine, warm", lambda: _through_engine(session)),
                ("asyncssh, warm", lambda: _loop(bare)),
            ):
                costs[name] = await _median(work)
        finally:
            for connection in bare:
                connection.close()
        costs["engine, cold"] = await _median(lambda: _cold_engine(file))
        costs["asyncssh, cold"] = await _median(lambda: _cold_loop(environment))
        hosts = len(environment.fleet)
    print(f"{'':16}  {'wall ms':>8}  {'our CPU ms':>10}   (`true` on {hosts} hosts, median of {ROUNDS})")
    for name, (wall, cpu) in costs.items():
        print(f"{name:16}  {wall * 1000:8.1f}  {cpu * 1000:10.1f}")
    ratios = {how: costs[f"engine, {how}"][0] / costs[f"asyncssh, {how}"][0] for how in ("warm", "cold")}
    for how, ratio in ratios.items():
        print(f"engine / asyncssh, {how}: {ratio:.2f} (at most {ALLOWED})")
    if shutil.which("ansible") is None:
        print("ansible is not installed: not compared")
    return 0 if all(ratio <= ALLOWED for ratio in ratios.values()) else 1


async def _median(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), _cpu()
        await work()
        walls.append(time.perf_counter() - wall)
        cpus.append(_cpu() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _through_engine(session: Session) -> None:
    await asyncio.gather(*(session.transport.run(host, "true") for host in session.environment.fleet))


async def _cold_engine(file: Path) -> None:
    async with open_session(load_environment(str(file)), ShellCredentials(), Silent()) as session:
        await _through_engine(session)


async def _bare_connections(environment: Environment) -> list[asyncssh.SSHClientConnection]:
    ssh = environment.ssh
    hosts = [environment.hosts()[name] for name in environment.fleet]
    return await asyncio.gather(
        *(
            asyncssh.connect(
                host.target,
                host.port or ssh.port,
                username=ssh.user or (),
                client_keys=[str(ssh.identity_file)],
                known_hosts=str(ssh.known_hosts),
                config=None,
                agent_path=None,
            )
            for host in hosts
        )
    )


async def _loop(connections: list[asyncssh.SSHClientConnection]) -> None:
    await asyncio.gather(*(connection.run("sh -c true", check=True) for connection in connections))


async def _cold_loop(environment: Environment) -> None:
    connections = await _bare_connections(environment)
    await _loop(connections)
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
