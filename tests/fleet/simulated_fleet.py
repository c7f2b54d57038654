"""A fleet in virtual time behind the Transport protocol, with an observer that sees every breach of a safety rule.

The production code of rollout, balancers, jobs' client side, warmup and migrations runs on it unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from takeoff.core.environment import Environment
from takeoff.core.errors import HostUnreachable
from takeoff.core.operation import Artifact, Driver, Lease, Operation, OperationKind, Placement
from takeoff.core.rollout_rules import floor_count
from takeoff.fleet.fleet import Fleet
from takeoff.fleet.host_script import HOST_SCRIPT
from takeoff.fleet.protocols import Completed
from tests.fleet.simulated_balancer import SimulatedBalancer, SimulatedServer
from tests.fleet.simulated_host import SimulatedHost
from tests.fleet.virtual_time import VirtualClock

OLD, NEW = "17.1.0-ee.0", "17.2.0-ee.0"


def environment_of(fleet: dict[str, dict[str, int]], **settings: Any) -> Environment:
    """Describe an environment by stage → role → number of hosts; web hosts stand behind lb-01, others behind none."""
    stages = [
        {"name": stage, "roles": {role: [f"{stage}-{role}-[1:{count}]"] for role, count in counts.items()}}
        for stage, counts in fleet.items()
    ]
    balancers = [{"name": "lb-01", "host": "lb-01", "backends": {"web": {"roles": ["web"]}}}]
    given: dict[str, Any] = {
        "name": "lab",
        "package": {
            "name": "gitlab-ee",
            "sources": [{"type": "apt", "url": "http://127.0.0.1/", "suites": ["bookworm"], "keyring": "key.gpg"}],
        },
        "ssh": {"become": "none"},
        "deploy_node": "deploy-01",
        "stages": stages,
        "batch": 1,
        "floor": 0,
        "load_balancers": balancers if any("web" in counts for counts in fleet.values()) else [],
    }
    return Environment.model_validate(given | settings)


class Told:
    """Keeps what an operator would see."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[str, str]] = []

    def host(self, host: str, step: str, detail: str = "") -> None:
        self.steps.append((host, step))

    def line(self, text: str) -> None:
        self.lines.append(text)


class SimulatedFleet:
    """Hosts and balancers of one environment.

    Attributes:
        hosts: by name, the blessed node among them.
        balancers: by name.
        breaches: what the observer saw that must never be; empty in a good run.
        latency_s: how long a call to a host takes.
    """

    def __init__(self, environment: Environment, version: str = OLD) -> None:
        self.environment = environment
        self.hosts = {name: SimulatedHost(name, version) for name in environment.fleet}
        self.balancers = {
            balancer.name: SimulatedBalancer(
                balancer.name,
                {
                    tuple(server): SimulatedServer(self.hosts[member.host.name])  # type: ignore[misc]
                    for member in environment.members()
                    for server in balancer.servers_of(*member)
                },
                on_change=self._before_change,
            )
            for balancer in environment.load_balancers
        }
        for host in self.hosts.values():
            host.on_unpack = self._at_unpack
            host.on_restart = self._leaves
        self.told = Told()
        self.breaches: list[str] = []
        self.latency_s = 0.01
        self.fleet = Fleet.of(environment, self, VirtualClock(), self.told)

    def lease(self, version: str = NEW, *, number: int = 1, epoch: int = 1) -> Lease:
        """Give a lease of an operation to a version."""
        environment = self.environment
        operation = Operation(
            kind=OperationKind.DEPLOY,
            environment=environment.name,
            package="gitlab-ee",
            version=version,
            artifacts=(Artifact(sha256="a" * 64, size=1000),),
            environment_sha256="0" * 64,
            deploy_node=environment.deploy_node,
            placements=tuple(
                Placement(stage=stage.name, role=role, hosts=part.hosts)
                for stage in environment.stages
                for role, part in stage.roles.items()
            ),
            requested_by="maria",
            id=f"lab-{number}",
            opened_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        driver = Driver(name=f"worker:{epoch}:aa", task="main.web", by="maria")
        return Lease(operation=operation, driver=driver, epoch=epoch, authority="journal-1")

    def serving(self, role: str) -> set[str]:
        """Name the hosts of a role that serve users at this moment."""
        return {member.host.name for member in self.environment.members(role=role) if self.serves(member.host.name)}

    def serves(self, name: str) -> bool:
        """Whether a host gets traffic from every balancer that knows it, and can answer."""
        host = self.hosts[name]
        servers = [s for b in self.balancers.values() for s in b.servers.values() if s.host is host]
        return host.healthy and not host.down and all(server.serving for server in servers)

    async def run(
        self, host: str, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", timeout_s: float = 60.0
    ) -> Completed:
        """The Transport."""
        await asyncio.sleep(self.latency_s)
        if (balancer := self.balancers.get(host)) is not None:
            if balancer.silent:
                raise HostUnreachable(host, "gives no answer")
            return balancer.verb(arguments[0], arguments[4:])
        node = self.hosts[host]
        if node.down or node.cut:
            raise HostUnreachable(host, "gives no answer")
        if script == HOST_SCRIPT:
            answer = await node.verb(arguments[0], arguments[4:])
        elif "unfinished=%s" in script:
            answer = node.look()
        else:
            assert "db:migrate:status" in script
            answer = node.migration_status()
        if node.down or node.cut:  # it went while the answer was on its way
            raise HostUnreachable(host, "the connection was lost")
        return answer

    async def aclose(self) -> None:
        """Nothing is kept open."""

    def _before_change(self, host: str, state: str) -> None:
        node = self.hosts[host]
        if state == "ready" and not (node.healthy and node.status == "installed" and not node.unfinished):
            self.breaches.append(f"rule 2: {host} was put back while it was not healthy")
        if state != "ready":
            self._leaves(host)

    def _at_unpack(self, host: str) -> None:
        for balancer in self.balancers.values():
            for server in balancer.servers.values():
                if server.host.name == host and (server.serving or balancer.open_sessions(server)):
                    self.breaches.append(f"rule 2: unpacked on {host} while it had traffic from {balancer.name}")

    def _leaves(self, host: str) -> None:
        """Look whether a host may stop serving at this moment."""
        role = next((member.role for member in self.environment.members() if member.host.name == host), "")
        if not role or not self.serves(host):
            return
        hosts = [member.host.name for member in self.environment.members(role=role)]
        left = len(self.serving(role)) - 1
        floor = floor_count(self.environment.floor_for(role), len(hosts))
        if left < floor:
            self.breaches.append(f"rule 2: {host} left, {left} {role} serve, the floor is {floor}")
