"""Takes hosts out of HAProxy and puts them back: several balancers at once, a host serves only if all say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from takeoff.core.environment import Environment
from takeoff.core.errors import HostUnreachable
from takeoff.core.operation import Lease
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.protocols import Clock


class BalancerSilent(HostUnreachable):
    """A load balancer gave no answer: the rollout stops, because nobody knows who serves.

    ``host`` is the balancer's name.
    """


@dataclass(frozen=True)
class HostService:
    """How a host stands in all its balancers.

    Attributes:
        host: its name.
        state: of the worst of its servers (``UP``, ``DRAIN``, ``MAINT``, ``DOWN``, …); empty if no balancer knows it.
        serving: whether every server of it takes traffic.
        sessions: open and queued ones, over all.
    """

    host: str
    state: str
    serving: bool
    sessions: int


class LoadBalancers:
    """All load balancers of an environment."""

    def __init__(self, environment: Environment, script: HostScript, clock: Clock) -> None:
        self.environment = environment
        self.script = script
        self.clock = clock

    async def look(self, hosts: Iterable[str], *, max_age_s: float = 0.0) -> dict[str, HostService]:
        """Read how hosts stand now; one question to each balancer, however many hosts.

        Args:
            hosts: names; those that no balancer knows are left out of the answer.
            max_age_s: how old an answer may be that another caller got.

        Raises:
            BalancerSilent: a balancer gives no answer.
            CheckFailed: a balancer does not know a server that it should; names both.
        """
        raise NotImplementedError

    async def put_to_maint(self, lease: Lease, host: str) -> None:
        """Take a host out at once and for good, as for one that gives no answer.

        Raises:
            BalancerSilent: a balancer gives no answer.
            Superseded: another driver or operation has taken over.
        """
        raise NotImplementedError
