"""A rolling upgrade of 60 real hosts, six at a time: the engine, the hosts' own work, bare steps, an Ansible playbook.

Eight steps: drain in HAProxy, wait for open sessions, prepare, install, configure, restart, wait until healthy, back
into service. Nobody uses the hosts meanwhile; the package is in their caches. *Own work* is the scripts that the engine
has the hosts run, with their checks; *bare steps* are what a person would write, without any. The hosts share this
machine's processors, where on a real fleet each has its own. So each waits two seconds in its reconfigure, as a host
in production does for much longer; with ``TAKEOFF_BENCH_CONFIGURE_S=0`` the processors are busy all the time, and what
is compared is the CPU that all hosts and our process take together.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncssh

from bench.cost import Cost, measure, median
from bench.fleet_commands import Silent
from bench.measured_lab import measured_lab, unmeasurable
from bench.peers.ansible import Ansible
from bench.peers.bare_asyncssh import Connections, connect
from bench.peers.installed import Login, missing
from bench.promise import Promise, judge
from bench.rolling import bare, by_ansible, by_engine, fleet, own_work, steps
from lab.state import LabState
from takeoff.core.rollout_rules import batch_size
from takeoff.engine.adoption import adopt
from takeoff.engine.session import open_session
from takeoff.engine.shell_credentials import ShellCredentials

ROUNDS = int(os.environ.get("TAKEOFF_BENCH_UPGRADES", "7"))
"""Of each way but Ansible's."""

ANSIBLE_ROUNDS = int(os.environ.get("TAKEOFF_BENCH_PLAYBOOKS", "1"))
"""One takes minutes."""

STEPS = 8


def main() -> int:
    """Start a lab, measure, print the table; 1 if a promise is broken."""
    if reason := unmeasurable() or missing():
        print(reason)
        return 0
    with (
        measured_lab("real", fleet.HOSTS + 2, layout=fleet.layout()) as lab,
        tempfile.TemporaryDirectory(prefix="takeoff-bench-") as folder,
    ):
        return judge(asyncio.run(_measure(lab, Path(folder))))


async def _measure(lab: LabState, folder: Path) -> Iterator[Promise]:
    loaded = fleet.write_file(lab, folder / "lab.yml")
    versions = [f"17.0.{number}-ee.0" for number in range(1, 3 * ROUNDS + ANSIBLE_ROUNDS + 1)]
    fleet.publish(lab, versions)
    coming = iter(versions)
    environment = loaded.environment
    hosts = tuple(member.host.name for member in environment.members("main", "web"))
    batch = batch_size(environment.batch_for("web"), len(hosts))
    costs: dict[str, list[Cost]] = {"engine": [], "hosts' own work": [], "bare steps": [], "Ansible": []}
    async with open_session(loaded, ShellCredentials(), Silent()) as session:
        await adopt(session, by=by_engine.BY)
    login = Login.of(environment, hosts)
    ansible = Ansible(login, folder)
    connections = await connect(environment, (*hosts, fleet.BALANCER))
    try:
        inventory = by_ansible.prepare(environment, hosts, folder)
        for number in range(ROUNDS):
            async with (
                open_session(loaded, ShellCredentials(), Silent()) as session,
                by_engine.opened(session, next(coming)) as roll,
            ):
                costs["engine"].append(await measure(roll))
            version = await _warm_up(connections, hosts, next(coming))
            scripts = own_work.scripts(environment, version, await _sha256(connections[hosts[0]], version))
            costs["hosts' own work"].append(await measure(_call(bare.roll, connections, hosts, batch, scripts)))
            version = await _warm_up(connections, hosts, next(coming))
            scripts = bare.Scripts(before="", after=steps.on_host(version))
            costs["bare steps"].append(await measure(_call(bare.roll, connections, hosts, batch, scripts)))
            if number < ANSIBLE_ROUNDS:
                version = await _warm_up(connections, hosts, next(coming))
                run = _call(asyncio.to_thread, by_ansible.roll, ansible, inventory, version)
                costs["Ansible"].append(await measure(run))
            print("  ".join(f"{name} {cost[-1].wall_s:.1f} s" for name, cost in costs.items() if len(cost) > number))
    finally:
        ansible.disconnect()
        for connection in connections.values():
            connection.close()
    found = {name: median(several) for name, several in costs.items() if several}
    title = f"{len(hosts)} hosts, {batch} at a time, median of {ROUNDS}"
    print(f"{title:<40}  {'wall s':>8}  {'client CPU s':>13}")
    for name, cost in found.items():
        print(f"{name:<40}  {cost.wall_s:8.1f}  {cost.cpu_s:13.2f}")
    return _promises(found, len(hosts))


def _promises(found: dict[str, Cost], hosts: int) -> Iterator[Promise]:
    engine = found["engine"]
    if "Ansible" in found:
        yield Promise("Ansible / engine", found["Ansible"].wall_s / engine.wall_s, 3, "x", at_least=True)
    yield Promise("engine / hosts' own work", engine.wall_s / found["hosts' own work"].wall_s, 1.1, "x")
    yield Promise("client CPU of a host and step", engine.cpu_s / hosts / STEPS * 1000, 5, "ms")


def _call(work: Callable[..., Awaitable[object]], *arguments: object) -> Callable[[], Awaitable[object]]:
    return lambda: work(*arguments)


async def _sha256(connection: asyncssh.SSHClientConnection, version: str) -> str:
    said = await bare.as_root(connection, f"sha256sum /var/cache/apt/archives/gitlab-ee_{version}_*.deb")
    return said.split()[0]


async def _warm_up(connections: Connections, hosts: tuple[str, ...], version: str) -> str:
    few = asyncio.Semaphore(10)

    async def one(host: str) -> None:
        async with few:
            await bare.as_root(connections[host], steps.warmup(version))

    await asyncio.gather(*map(one, hosts))
    return version


if __name__ == "__main__":
    sys.exit(main())
