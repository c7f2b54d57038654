"""A trivial command on 60 real hosts: the engine beside a bare asyncssh loop, Ansible, pyinfra and parallel-ssh.

Every host has a root file system and an sshd of its own on this machine, so wall time is mostly the hosts' own work;
CPU is that of the client alone. All log in as the same user, who does not become root, and run the same command line.
``cold`` makes new connections (for Ansible: none persist), ``warm`` uses those that are there. Ansible is a new process
for each command, as its users start it, and what its persistent ssh processes use is not counted; the others are
measured without start and imports, whose time for the engine stands in a line of its own.
"""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.cost import Cost, interleaved, measure, used_cpu
from bench.measured_lab import ROOT, measured_lab, unmeasurable
from bench.peers.ansible import Ansible
from bench.peers.bare_asyncssh import Connections, connect, disconnect
from bench.peers.installed import Login, missing
from bench.peers.worker import worker
from bench.promise import Promise, judge
from lab.environment_file import environment_path
from takeoff.core.environment import Environment
from takeoff.engine.session import Session, open_session
from takeoff.engine.shell_credentials import ShellCredentials
from takeoff.environment_files import LoadedEnvironment, load_environment

HOSTS = 60
ROUNDS = int(os.environ.get("TAKEOFF_BENCH_ROUNDS", "7"))
SCRIPT = "true"
COMMAND = f"sh -c {SCRIPT}"
"""What the engine's transport makes of the script, but for a name in ``$0``."""

WORKERS = {"pyinfra": "pyinfra_api.py", "parallel-ssh": "parallel_ssh.py"}


class Silent:
    """Nobody looks on."""

    def host(self, host: str, step: str, detail: str = "") -> None:
        """Tell nothing."""

    def line(self, text: str) -> None:
        """Tell nothing."""


def main() -> int:
    """Start a lab, measure, print the tables; 1 if a promise is broken."""
    if reason := unmeasurable() or missing():
        print(reason)
        return 0
    with measured_lab("real", HOSTS) as lab:
        return judge(asyncio.run(_measure(as_login_user(load_environment(str(environment_path(lab)))))))


def as_login_user(loaded: LoadedEnvironment) -> LoadedEnvironment:
    """Do without sudo, which would cost every tool the same on the hosts."""
    ssh = loaded.environment.ssh.model_copy(update={"become": "none"})
    return loaded._replace(environment=loaded.environment.model_copy(update={"ssh": ssh}))


async def _measure(loaded: LoadedEnvironment) -> Iterator[Promise]:
    environment = loaded.environment
    names = tuple(environment.fleet)
    async with open_session(loaded, ShellCredentials(), Silent()) as session:
        bare = await connect(environment, names)
        await through_engine(session)
        works: dict[str, Callable[[], Awaitable[Cost]]] = {
            "engine, warm": lambda: measure(lambda: through_engine(session)),
            "asyncssh, warm": lambda: measure(lambda: loop(bare, COMMAND)),
            "asyncssh, warm, login shell only": lambda: measure(lambda: loop(bare, SCRIPT)),
            "engine, cold": lambda: measure(lambda: _cold_engine(loaded)),
            "asyncssh, cold": lambda: measure(lambda: _cold_loop(environment)),
        }
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="takeoff-bench-")))
            login = Login.of(environment, names)
            ansible = Ansible(login, folder)
            stack.callback(ansible.disconnect)
            for name, script in WORKERS.items():
                one = stack.enter_context(worker(script, login.write(folder / "login.json"), COMMAND, len(names)))
                for phase in ("cold", "warm"):
                    works[f"{name}, {phase}"] = functools.partial(one.run, phase)
            works["ansible, cold"] = lambda: _ansible(ansible, cold=True)
            works["ansible, warm"] = lambda: _ansible(ansible, cold=False)
            costs = await interleaved(works, ROUNDS)
        await disconnect(bare)
    _print(costs, len(names))
    return _promises(costs)


def _print(costs: dict[str, Cost], hosts: int) -> None:
    title = f"{COMMAND!r} on {hosts} hosts, median of {ROUNDS}"
    print(f"{title:<40}  {'wall ms':>8}  {'client CPU ms':>13}  {'/ engine':>8}")
    for name, cost in costs.items():
        engine = costs[f"engine, {name.split(', ')[1]}"]
        times = cost.wall_s / engine.wall_s
        print(f"{name:<40}  {cost.wall_s * 1000:8.1f}  {cost.cpu_s * 1000:13.1f}  {times:8.2f}")
    start = _engine_start()
    print(f"{'start of a Python process and imports':<40}  {start.wall_s * 1000:8.1f}  {start.cpu_s * 1000:13.1f}")


def _promises(costs: dict[str, Cost]) -> Iterator[Promise]:
    for phase, least in (("warm", 30), ("cold", 10)):
        engine, ansible = costs[f"engine, {phase}"], costs[f"ansible, {phase}"]
        yield Promise(
            f"engine / bare asyncssh loop, {phase}", engine.wall_s / costs[f"asyncssh, {phase}"].wall_s, 1.15, "x"
        )
        yield Promise(f"Ansible / engine, {phase}", ansible.wall_s / engine.wall_s, least, "x", at_least=True)
        yield Promise(f"Ansible / engine, {phase}, client CPU", ansible.cpu_s / engine.cpu_s, 20, "x", at_least=True)
        for other in WORKERS:
            times = engine.wall_s / costs[f"{other}, {phase}"].wall_s
            yield Promise(f"engine / {other}, {phase}", times, 1.0, "x")


async def through_engine(session: Session) -> None:
    """Run the script on every host of the environment, as every part of the engine does."""
    await asyncio.gather(*(session.transport.run(host, SCRIPT) for host in session.environment.fleet))


async def _cold_engine(loaded: LoadedEnvironment) -> None:
    read = load_environment(str(loaded.path))._replace(environment=loaded.environment)
    async with open_session(read, ShellCredentials(), Silent()) as session:
        await through_engine(session)


async def loop(connections: Connections, command: str) -> None:
    """Run a command over every connection."""
    await asyncio.gather(*(connection.run(command, check=True) for connection in connections.values()))


async def _cold_loop(environment: Environment) -> None:
    connections = await connect(environment, environment.fleet)
    await loop(connections, COMMAND)
    await disconnect(connections)


async def _ansible(ansible: Ansible, *, cold: bool) -> Cost:
    if cold:
        await asyncio.to_thread(ansible.disconnect)
    return await measure(lambda: asyncio.to_thread(ansible.command, COMMAND))


def _engine_start() -> Cost:
    """What a process that only imports the engine costs; Airflow's tasks and the command line pay it once."""
    wall, cpu = time.perf_counter(), used_cpu()
    environment = {"PYTHONPATH": str(ROOT / "plugins")}
    subprocess.run([sys.executable, "-c", "import takeoff.engine.session"], check=True, env=environment)
    return Cost(time.perf_counter() - wall, used_cpu() - cpu)


if __name__ == "__main__":
    sys.exit(main())
