"""A world of simulated machines, the network between them and the drivers, and the faults that befall it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from takeoff.core.environment import Environment
from takeoff.core.errors import HostUnreachable
from takeoff.fleet.host_script import HOST_SCRIPT
from takeoff.fleet.protocols import Completed
from tests.fleet.simulated_fleet import environment_of
from tests.simulation.balancer import Balancer, Server
from tests.simulation.host import Host
from tests.simulation.known import Known, known
from tests.simulation.node import Node
from tests.simulation.observer import Observer

V1, V2, V3 = "17.1.0-ee.0", "17.2.0-ee.0", "17.2.1-ee.0"

BOOT_S = 12.0
SILENCE_S = 2.0
"""How long it takes until a driver notices that a host gives no answer."""


def small_environment(**settings: Any) -> Environment:
    """Five hosts beside the blessed node, two balancers, floors that leave room for one host."""
    balancers = [{"name": name, "host": name, "backends": {"web": {"roles": ["web"]}}} for name in ("lb-01", "lb-02")]
    health = {"interval": "2s", "timeout": "40s"}
    given: dict[str, Any] = {
        "batch": 2,
        "floor": 1,
        "load_balancers": balancers,
        "roles": {
            "web": {"floor": 2, "drain_timeout": "30s", "health": {"url": "http://localhost/", **health}},
            "sidekiq": {"floor": 1, "health": {"url": "http://localhost:8092/", **health}},
        },
    }
    return environment_of({"canary": {"web": 1}, "main": {"web": 2, "sidekiq": 2}}, **(given | settings))


class World:
    """Machines and network.

    Attributes:
        hosts: by name, the blessed node among them.
        balancers: by name.
        observer: sees every breach.
        story: what happened, with its time; only kept when wanted.
    """

    def __init__(self, environment: Environment, seed: int) -> None:
        self.environment = environment
        self.coin = random.Random(seed)
        self.story: list[str] = []
        self.observer = Observer(self)
        self.hosts = {name: Host(name, version=V1) for name in environment.fleet}
        self.balancers = {
            balancer.name: Balancer(
                balancer.name,
                servers={
                    server.server: Server(server.backend, self.hosts[member.host.name])
                    for member in environment.members()
                    for server in balancer.servers_of(*member)
                },
            )
            for balancer in environment.load_balancers
        }
        self.nodes: dict[str, Host | Balancer] = {**self.hosts, **self.balancers}
        for node in self.nodes.values():
            node.watches = self.observer
        self._open: dict[str, set[asyncio.Future[Completed]]] = {name: set() for name in self.nodes}
        self._on_their_way: set[asyncio.Task[None]] = set()

    def tell(self, text: str) -> None:
        self.story.append(f"{asyncio.get_running_loop().time():8.2f} s  {text}")

    def servers_of(self, host: str) -> list[tuple[Balancer, Server]]:
        return [
            (balancer, server)
            for balancer in self.balancers.values()
            for server in balancer.servers.values()
            if server.host.name == host
        ]

    def serves(self, host: str) -> bool:
        """Whether users are served by a host at this moment."""
        return self.hosts[host].healthy and all(server.serving for _, server in self.servers_of(host))

    # Faults

    def reboot(self, name: str) -> None:
        host = self.hosts[name]
        if host.down:
            return
        self.tell(f"FAULT: {name} is rebooted")
        self.observer.fate(name)
        host.reboot()
        self._break_connections(name)
        asyncio.get_running_loop().call_later(BOOT_S, host.boot)

    def kill_jobs(self, name: str) -> None:
        self.tell(f"FAULT: what runs on {name} is killed")
        self.observer.fate(name)
        self.hosts[name].kill_jobs()

    def cut(self, name: str, seconds: float) -> None:
        self.tell(f"FAULT: {name} is cut off for {seconds:.1f} s")
        self.nodes[name].cut_until = max(self._now + seconds, self.nodes[name].cut_until)
        self._break_connections(name)

    def reload(self, name: str) -> None:
        self.tell(f"FAULT: {name} is reloaded and forgets what was set")
        self.balancers[name].reload()

    def repair(self) -> None:
        """A person does what a rollout that stopped at the floor asks for: hosts that do not serve are brought back."""
        for host in self.hosts.values():
            if self.servers_of(host.name) and not self.serves(host.name) and not host.down and not host.running:
                self.tell(f"a person repairs {host.name} and makes it ready")
                host.status, host.unfinished, host.skip_file, host.services = "installed", "", False, True
                for _, server in self.servers_of(host.name):
                    server.state, server.reset_at = "ready", self._now

    def lose_disk(self) -> None:
        name = self.environment.deploy_node.name
        self.tell(f"FAULT: {name} loses its state folder, the journal in it")
        self.observer.disk_lost(name)
        self.hosts[name].lose_disk()

    # Network

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def call(
        self, name: str, script: str, arguments: Sequence[str], stdin: bytes, known_then: Known
    ) -> Completed:
        """Carry one call to a machine and its answer back, each delayed a little."""
        answer: asyncio.Future[Completed] = asyncio.get_running_loop().create_future()
        carrier = asyncio.create_task(self._carry(answer, name, script, arguments, stdin, known_then))
        self._on_their_way.add(carrier)
        carrier.add_done_callback(self._on_their_way.discard)
        self._open[name].add(answer)
        try:
            return await answer
        finally:
            self._open[name].discard(answer)

    async def _carry(
        self,
        answer: asyncio.Future[Completed],
        name: str,
        script: str,
        arguments: Sequence[str],
        stdin: bytes,
        known_then: Known,
    ) -> None:
        node = self.nodes[name]
        known.set(known_then)
        await asyncio.sleep(0.002 + 0.02 * self.coin.random())
        if self._silent(node):
            late = not node.down and self.coin.random() < 0.3
            if not late:
                await asyncio.sleep(SILENCE_S)
            _fail(answer, name, "gives no answer")
            if not late:
                return
            # The request waits in a buffer and arrives when the network is mended, whoever sent it has given it up.
            await asyncio.sleep(max(0.0, node.cut_until - self._now) + 0.01)
            if self._silent(node):
                return
            self.tell(f"{name} hears a late {' '.join(arguments[:1])}")
        try:
            result = await self._answer(node, script, arguments, stdin)
        except Exception as fault:  # a fault of the simulation itself must end it
            if not answer.done():
                answer.set_exception(fault)
            raise
        await asyncio.sleep(0.002 + 0.02 * self.coin.random())
        if self._silent(node):
            _fail(answer, name, "the connection was lost")
        elif not answer.done():
            answer.set_result(result)

    async def _answer(self, node: Host | Balancer, script: str, arguments: Sequence[str], stdin: bytes) -> Completed:
        if script is not HOST_SCRIPT and isinstance(node, Host):
            return node.look() if "unfinished=%s" in script else node.migration_status()
        verb, rest = arguments[0], arguments[4:]
        if isinstance(node, Host) and verb == "journal-append" and rest[0] == "journal":
            before = node.files.text["journal"]
            done = await node.verb(verb, rest, stdin)
            if done.exit_status == 0:
                self.observer.journal_grew(node, before)
            return done
        return await node.verb(verb, rest, stdin)

    def _silent(self, node: Node) -> bool:
        return node.down or self._now < node.cut_until

    def _break_connections(self, name: str) -> None:
        for answer in list(self._open[name]):
            _fail(answer, name, "the connection was lost")


def _fail(answer: asyncio.Future[Completed], host: str, why: str) -> None:
    if not answer.done():
        answer.set_exception(HostUnreachable(host, why))
