"""One environment's hosts, balancers and time, as the parts of this ring share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from takeoff.core.environment import Environment
from takeoff.fleet.host_jobs import HostJobs
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.load_balancer import LoadBalancers
from takeoff.fleet.protocols import Clock, Progress, Transport


@dataclass(frozen=True)
class Fleet:
    """What a rollout, a warmup, migrations and a look at the hosts work with.

    Attributes:
        environment: the model, inventories resolved; during an operation with the hosts it pinned.
        transport: runs scripts on hosts.
        clock: time.
        progress: where an operator watches.
        script: calls of ``host.sh``.
        jobs: changing commands on hosts.
        balancers: all load balancers.
    """

    environment: Environment
    transport: Transport
    clock: Clock
    progress: Progress
    script: HostScript
    jobs: HostJobs
    balancers: LoadBalancers

    @classmethod
    def of(cls, environment: Environment, transport: Transport, clock: Clock, progress: Progress) -> Self:
        """Put the parts together for one environment."""
        script = HostScript(transport, environment)
        return cls(
            environment=environment,
            transport=transport,
            clock=clock,
            progress=progress,
            script=script,
            jobs=HostJobs(script, clock),
            balancers=LoadBalancers(environment, script, clock),
        )
