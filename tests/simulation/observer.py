"""Sees every breach of a safety rule at the moment it happens, from outside: it knows what is true on every machine."""

from __future__ import annotations

import asyncio
import functools
import json
import math
from typing import TYPE_CHECKING

from takeoff.core.rollout_rules import floor_count
from tests.simulation.balancer import Balancer, Server
from tests.simulation.host import MIGRATIONS, Host
from tests.simulation.known import known

if TYPE_CHECKING:
    from tests.simulation.world import World

_entry = functools.lru_cache(maxsize=1000)(json.loads)


class Observer:
    """Watches a world.

    Attributes:
        breaches: what must never be; empty in a good run.
    """

    def __init__(self, world: World) -> None:
        self.breaches: list[str] = []
        self._world = world
        self._acted: dict[str, int] = {}
        self._given: dict[int, float] = {}
        self._done: set[tuple[str, str, str]] = set()
        self._fate: dict[str, float] = {}

    def breach(self, rule: int, what: str) -> None:
        text = f"rule {rule}: {what}"
        if text not in self.breaches:
            self.breaches.append(text)
        self._world.tell(f"BREACH of {text}")

    def fate(self, host: str) -> None:
        """A fault took the host out."""
        self._fate[host] = self._now

    def disk_lost(self, host: str) -> None:
        """What was done there may be done again."""
        self._done = {one for one in self._done if one[1] != host}

    def job_begins(self, host: Host, operation: str, step: str, epoch: int) -> None:
        self._world.tell(f"{host.name} begins {operation}/{step} for epoch {epoch}")
        self._newest(host.name, epoch, f"job {step} of {operation}")
        if (operation, host.name, step) in self._done:
            self.breach(5, f"{step} of {operation} ran a second time on {host.name}")
        for running in host.running:
            self.breach(1, f"{operation}/{step} began on {host.name} while {'/'.join(running)} ran there")
        if step in MIGRATIONS:
            self._migrates(host, operation, step)

    def job_succeeded(self, host: Host, operation: str, step: str) -> None:
        self._world.tell(f"{host.name} has done {operation}/{step}")
        self._done.add((operation, host.name, step))

    def unpacks(self, host: Host) -> None:
        """The first byte is unpacked."""
        for balancer, server in self._world.servers_of(host.name):
            if balancer.open_sessions(server) and server.reset_at < known.get().since(balancer.name):
                self.breach(2, f"unpacked on {host.name} while it had traffic from {balancer.name}")

    def stops_services(self, host: Host) -> None:
        """Its services are about to be stopped by a restart."""
        self._leaves(host, "was restarted")

    def server_changes(self, balancer: Balancer, server: Server, state: str, epoch: int) -> None:
        """A server's state is about to be set."""
        host = server.host
        self._world.tell(f"{balancer.name} sets {host.name} to {state} for epoch {epoch}")
        self._newest(balancer.name, epoch, f"{state} of {host.name}")
        if state != "ready":
            self._leaves(host, f"was put to {state}")
            return
        good = host.healthy and not host.unfinished and not host.skip_file
        if not good and not self._by_fate(host.name):
            self.breach(2, f"{host.name} was put back while it was not healthy")
        if any(step in ("install", "configure", "restart") for _, step in host.running):
            self.breach(2, f"{host.name} was put back while it was being changed")

    def _leaves(self, host: Host, how: str) -> None:
        role = next((one.role for one in self._world.environment.members() if one.host.name == host.name), "")
        if not role or not self._world.serves(host.name):
            return
        names = [one.host.name for one in self._world.environment.members(role=role)]
        left = [name for name in names if name != host.name and (self._world.serves(name) or self._by_fate(name))]
        floor = floor_count(self._world.environment.floor_for(role), len(names))
        if len(left) < floor:
            self.breach(2, f"{host.name} {how} and {len(left)} {role} hosts serve, the floor is {floor}")

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _by_fate(self, host: str) -> bool:
        """Whether a fault took the host out after whoever acts now had last looked at it."""
        balancers = [balancer.name for balancer, _ in self._world.servers_of(host)]
        return self._fate.get(host, -math.inf) > known.get().since(host, *balancers)

    def _newest(self, machine: str, epoch: int, what: str) -> None:
        """A machine is changed: never by an older driver than one that had changed it, or that it must have heard of.

        A driver changes nothing before it has announced itself everywhere, so from its first change on every machine
        has heard of it that was not silent since it got its epoch.
        """
        if epoch < self._acted.get(machine, 0):
            self.breach(1, f"{machine}: {what} by epoch {epoch} after epoch {self._acted[machine]} had changed it")
        newest = max(self._acted.values(), default=0)
        if epoch > newest:
            given = self._given.get(epoch, -math.inf)
            untold = [one.name for one in self._world.nodes.values() if one.epoch < epoch and one.last_known < given]
            if untold:
                self.breach(1, f"{machine}: {what} by epoch {epoch} before {', '.join(untold)} had been told of it")
        if epoch < newest and self._world.nodes[machine].last_silent < self._given.get(newest, -math.inf):
            self.breach(1, f"{machine}: {what} by epoch {epoch} after epoch {newest} had changed other machines")
        self._acted[machine] = max(epoch, self._acted.get(machine, 0))

    def _migrates(self, host: Host, operation: str, step: str) -> None:
        world = self._world
        if host.name != world.environment.deploy_node.name:
            self.breach(3, f"{step} began on {host.name}")
        if step == "migrations":
            return
        others = [one.name for one in world.hosts.values() if one.version != host.version or one.status != "installed"]
        if others:
            self.breach(
                3, f"post-deploy migrations of {host.version} began while {', '.join(others)} ran another version"
            )
        texts = [text for one in world.hosts.values() for text in one.files.text.values()]  # a lost disk leaves copies
        bodies = [_entry(line)["body"] for text in texts for line in text.splitlines()]
        if not any(body["kind"] == "point_of_no_return" and body["version"] == host.version for body in bodies):
            self.breach(3, f"post-deploy migrations of {host.version} began before the point of no return was recorded")

    def journal_grew(self, host: Host, before: bytes) -> None:
        """Lines were added: one operation at a time, epochs that only rise."""
        text = host.files.text["journal"]
        if not text.startswith(before):
            return
        open_operation, newest = "", 0
        for line in text.splitlines():
            entry = _entry(line)
            body, epoch = entry["body"], entry["epoch"]
            if body["kind"] in ("operation_opened", "driver_started"):
                if epoch <= newest:
                    self.breach(1, f"epoch {epoch} was given after epoch {newest}")
                newest = epoch
                self._given.setdefault(epoch, self._now)
            elif epoch is not None and body["kind"] != "authority_moved" and epoch < newest:
                self.breach(1, f"epoch {epoch} wrote {body['kind']} after epoch {newest}")
            if body["kind"] == "operation_opened":
                if open_operation and body["takes_over"] != open_operation:
                    self.breach(1, f"{entry['operation']} was opened while {open_operation} was open")
                open_operation = entry["operation"]
            elif body["kind"] == "operation_closed":
                open_operation = ""
