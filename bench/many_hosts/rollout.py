"""One process of ours at work on so many hosts: connects, runs a command on all, then a whole rollout."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bench.cost import measure
from bench.fleet_commands import Silent, through_engine
from bench.many_hosts.hosts import allow_many_files
from bench.many_hosts.package_commands import SHA256
from takeoff.core.operation import Artifact, Driver, OperationDraft, OperationKind
from takeoff.core.reports import Result
from takeoff.core.task_ids import TaskKind, TaskSpec
from takeoff.engine.adoption import adopt
from takeoff.engine.session import open_session
from takeoff.engine.shell_credentials import ShellCredentials
from takeoff.engine.tasks import run_task
from takeoff.environment_files import load_environment

BY = "benchmark"
ROLLOUT = TaskSpec("main.web", TaskKind.ROLLOUT, "main", "web")
STEPS = 6
"""Look, prepare, install, configure, restart, wait until healthy: these hosts stand behind no balancer."""


@dataclass(frozen=True)
class Seen:
    """What one process used.

    Attributes:
        hosts: in the rollout.
        open_connections: at the rollout's end.
        connect_wall_s, connect_cpu_s: the first command on all hosts, connections included.
        command_wall_s, command_cpu_s: the same command again.
        rollout_wall_s, rollout_cpu_s: the task of a deploy that moves all hosts, journal and fences included.
        peak_mb: largest resident memory of the process at any time.
    """

    hosts: int
    open_connections: int
    connect_wall_s: float
    connect_cpu_s: float
    command_wall_s: float
    command_cpu_s: float
    rollout_wall_s: float
    rollout_cpu_s: float
    peak_mb: float


async def run(file: Path) -> Seen:
    """Do it all in this process."""
    loaded = load_environment(str(file))
    async with open_session(loaded, ShellCredentials(), Silent()) as session:
        environment = session.environment
        connecting = await measure(lambda: through_engine(session))
        command = await measure(lambda: through_engine(session))
        await adopt(session, by=BY)
        part = environment.stages[0].roles["web"]
        draft = OperationDraft(
            kind=OperationKind.DEPLOY,
            environment=environment.name,
            package=environment.package.name,
            version="17.1.0-ee.0",
            artifacts=(Artifact(sha256=SHA256),),
            environment_sha256=loaded.sha256,
            deploy_node=environment.deploy_node,
            placements=({"stage": "main", "role": "web", "hosts": part.hosts},),
            requested_by=BY,
        )
        lease = await session.leases.open(draft, _driver("lease"), check=lambda record: None)
        done = []

        async def roll() -> None:
            done.append(await run_task(session, lease.operation.id, ROLLOUT, _driver(ROLLOUT.id)))

        rolling = await measure(roll)
        report = done[0].report
        assert report
        assert len(report.of(Result.CHANGED)) == len(part.hosts), report.summary
        return Seen(
            hosts=len(part.hosts),
            open_connections=_connections(),
            connect_wall_s=connecting.wall_s,
            connect_cpu_s=connecting.cpu_s,
            command_wall_s=command.wall_s,
            command_cpu_s=command.cpu_s,
            rollout_wall_s=rolling.wall_s,
            rollout_cpu_s=rolling.cpu_s,
            peak_mb=_peak_mb(),
        )


def _driver(task: str) -> Driver:
    return Driver(name=f"{BY}:{task}", task=task, by=BY)


def _connections() -> int:
    """Count this process's connections, as the kernel does."""
    return sum(one.status == psutil.CONN_ESTABLISHED for one in psutil.Process().net_connections("tcp"))


def _peak_mb() -> float:
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    allow_many_files()
    print(json.dumps(asdict(asyncio.run(run(Path(sys.argv[1]))))))
