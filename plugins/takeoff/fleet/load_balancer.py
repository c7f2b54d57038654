"""All load balancers of an environment: what they say of their servers, and setting a server's state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from takeoff.core.balancer_settings import LoadBalancer, ServerName
from takeoff.core.balancer_status import SHOW_SERVERS, ServerStatus, parse_servers
from takeoff.core.environment import Environment
from takeoff.core.errors import (
    CheckFailed,
    CommandFailed,
    HostKeyRejected,
    HostLoginRejected,
    HostUnfenced,
    HostUnreachable,
)
from takeoff.core.operation import Lease
from takeoff.fleet.balancer_node import BalancerNode, ServerState
from takeoff.fleet.balancer_tcp import BalancerTcpSocket
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.protocols import Clock

_T = TypeVar("_T")

PATIENCE_S = 10.0
"""How long a balancer is asked again: a reload takes its socket away for a moment."""


NOBODY_KNOWS = "the load balancer gives no answer, so nobody knows who serves"
"""What follows from a balancer's silence."""


class BalancerSilent(HostUnreachable):
    """A load balancer gave no answer: the rollout stops, because nobody knows who serves.

    ``host`` is the balancer's name.
    """


class RuntimeSocket(Protocol):
    """Where one HAProxy process takes commands."""

    async def show(self, command: str, *, timeout_s: float = 20.0) -> str:
        """Return the answer to a command that only looks."""
        ...

    async def fence(self, lease: Lease, *, timeout_s: float = 20.0) -> None:
        """Let it refuse every driver before the lease's, if it can."""
        ...

    async def set_state(self, lease: Lease, server: ServerName, state: ServerState, *, timeout_s: float = 20.0) -> str:
        """Set a server's state; return HAProxy's complaint, or nothing."""
        ...


@dataclass(frozen=True)
class HostStanding:
    """How a host stands in all its balancers.

    Attributes:
        host: its name.
        servers: balancer and status of each server that the host is.
    """

    host: str
    servers: tuple[tuple[str, ServerStatus], ...]

    @property
    def state(self) -> str:
        """Status of the worst of its servers: ``DOWN`` before ``MAINT``, ``DRAIN``, ``NOLB``, ``UP``."""
        order = ("DOWN", "MAINT", "DRAIN", "NOLB", "UP")
        return min((s.word for _, s in self.servers), key=lambda w: order.index(w) if w in order else -1)

    @property
    def serving(self) -> bool:
        """Whether every one of its servers takes traffic."""
        return all(status.serving for _, status in self.servers)

    @property
    def held_out(self) -> bool:
        """Whether none of its servers would take traffic, were the host to come back: all are drained or in maint."""
        return all(status.word in ("DRAIN", "MAINT") for _, status in self.servers)

    @property
    def only_kept_out_by_maint(self) -> bool:
        """Whether it would serve, were it not for servers in maint."""
        return not self.serving and all(status.serving or status.in_maint for _, status in self.servers)


class LoadBalancers:
    """All load balancers of an environment.

    Questions of many hosts at the same moment are answered by one ``show stat`` of each balancer.
    """

    def __init__(self, environment: Environment, script: HostScript, clock: Clock) -> None:
        self._servers = {m.host.name: environment.servers_of_member(m) for m in environment.members()}
        self._balancers = {
            balancer.name: _Asked(_socket(balancer, script), clock) for balancer in environment.load_balancers
        }

    def know(self, host: str) -> bool:
        """Whether a host is a server of any balancer."""
        return bool(self._servers.get(host))

    async def look(self, hosts: Iterable[str], *, max_age_s: float = 0.0) -> dict[str, HostStanding]:
        """Read how hosts stand now.

        Args:
            hosts: names; those that no balancer knows are left out of the answer.
            max_age_s: how old an answer may be that another caller got.

        Raises:
            BalancerSilent: a balancer gives no answer.
            CheckFailed: a balancer has no such server; names both.
        """
        known = [host for host in hosts if self.know(host)]
        asked = sorted({balancer for host in known for balancer in self._servers[host]})
        answers = await asyncio.gather(*(self._balancers[name].servers(name, max_age_s) for name in asked))
        by_name = dict(zip(asked, answers, strict=True))
        return {host: HostStanding(host, tuple(self._statuses(host, by_name))) for host in known}

    async def problems(self) -> dict[str, str]:
        """Ask every balancer for the servers it should have: balancer → what is wrong, where anything is."""
        problems = {}
        for name, asked in self._balancers.items():
            try:
                answer = await asked.servers(name, 0.0)
            except BalancerSilent as error:
                problems[name] = str(error).removeprefix(f"{name}: ")
                continue
            wanted = {str(server) for servers in self._servers.values() for server in servers.get(name, ())}
            if missing := wanted - {str(server) for server in answer}:
                problems[name] = f"it has no server {', '.join(sorted(missing))}"
        return problems

    async def fence(self, lease: Lease) -> None:
        """Tell every balancer node who drives now, so that no older driver takes a server out or puts one back.

        Raises:
            BalancerSilent: one cannot be told: an older driver may still change it.
            Superseded: a newer driver has taken over.
        """

        async def tell(name: str, asked: _Asked) -> None:
            told = "it could not be told who drives now, so an older driver may still change who serves"
            await asked.patiently(name, lambda: asked.socket.fence(lease), otherwise=told)

        answers = await asyncio.gather(*(tell(*one) for one in self._balancers.items()), return_exceptions=True)
        refusals = [answer for answer in answers if isinstance(answer, BaseException)]
        # That another has taken over is the graver news: a retry would not help.
        for refusal in sorted(refusals, key=lambda one: isinstance(one, BalancerSilent)):
            raise refusal

    async def set_state(self, lease: Lease, balancer: str, server: ServerName, state: ServerState) -> None:
        """Set the state of one server in one balancer.

        Raises:
            BalancerSilent: it gives no answer.
            CheckFailed: it has no such server, or refuses.
            Superseded: another driver or operation has taken over.
        """
        asked = self._balancers[balancer]
        try:
            complaint = await asked.patiently(balancer, lambda: asked.socket.set_state(lease, server, state))
        finally:
            asked.forget()
        if complaint:
            raise CheckFailed(f"load balancer {balancer} did not put {server} to {state}, but said {complaint!r}")

    async def put_to_maint(self, lease: Lease, host: str) -> None:
        """Take a host out everywhere at once and for good, as one that gives no answer.

        Raises:
            BalancerSilent: a balancer gives no answer.
            Superseded: another driver or operation has taken over.
        """
        for balancer, servers in self._servers.get(host, {}).items():
            for server in servers:
                await self.set_state(lease, balancer, server, "maint")

    def _statuses(
        self, host: str, answers: Mapping[str, Mapping[ServerName, ServerStatus]]
    ) -> Iterator[tuple[str, ServerStatus]]:
        for balancer, servers in self._servers[host].items():
            for server in servers:
                if server not in answers[balancer]:
                    raise CheckFailed(
                        f"load balancer {balancer} has no server {server}, which host {host} should be: correct "
                        f"load_balancers in the environment file, or HAProxy's configuration"
                    )
                yield balancer, answers[balancer][server]


class _Asked:
    """One balancer, asked once for all who want to know at the same moment."""

    def __init__(self, socket: RuntimeSocket, clock: Clock) -> None:
        self.socket = socket
        self._clock = clock
        self._lock = asyncio.Lock()
        self._changes = 0
        self._answer: tuple[float, int, dict[ServerName, ServerStatus]] = (float("-inf"), -1, {})

    async def servers(self, name: str, max_age_s: float) -> dict[ServerName, ServerStatus]:
        wanted_from = self._clock.monotonic() - max_age_s
        async with self._lock:
            asked_at, changes, servers = self._answer
            # An answer that was asked for after this call began is as fresh as one of its own would be.
            if asked_at >= wanted_from and changes == self._changes:
                return servers
            asked_at, changes = self._clock.monotonic(), self._changes
            text = await self.patiently(name, lambda: self.socket.show(SHOW_SERVERS))
            try:
                servers = parse_servers(text)
            except ValueError as error:
                raise BalancerSilent(name, f"what answers there is not HAProxy: {error}") from error
            self._answer = (asked_at, changes, servers)
            return servers

    def forget(self) -> None:
        """Let no answer count that was asked for before now: something was changed."""
        self._changes += 1

    async def patiently(self, name: str, call: Callable[[], Awaitable[_T]], *, otherwise: str = NOBODY_KNOWS) -> _T:
        """Ask again for a while, then call the balancer silent and say what follows from that."""
        give_up = self._clock.monotonic() + PATIENCE_S
        while True:
            try:
                return await call()
            except (HostKeyRejected, HostLoginRejected):
                raise
            except HostUnfenced as error:
                raise BalancerSilent(name, f"the load balancer takes no change from this driver: {error}") from error
            except (HostUnreachable, CommandFailed) as error:
                if self._clock.monotonic() >= give_up:
                    raise BalancerSilent(name, f"{otherwise}: {error}") from error
            await self._clock.sleep(1.0)


def _socket(balancer: LoadBalancer, script: HostScript) -> RuntimeSocket:
    if balancer.host is not None:
        return BalancerNode(script, balancer.host.name, balancer.socket)
    return BalancerTcpSocket(balancer.name, str(balancer.tcp))
