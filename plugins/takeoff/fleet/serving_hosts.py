"""Which hosts of a role serve now: as its balancers say, or by their health where no balancer knows them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

from takeoff.core.errors import HostError
from takeoff.core.recipes import RoleRecipe
from takeoff.fleet.fleet import Fleet
from takeoff.fleet.host_look import HostLook, look_at

LOOKS_AT_ONCE = 100
"""Hosts looked at in parallel."""

HEALTH_AGE_S = 30.0
"""How old the health of a host without a balancer may be; a balancer's word is asked for each time."""

FRESH_S = 2.0
"""How old it may be when one of them is about to stop serving, in a role that is not very large."""

_STANDING_AGE_S = 0.2


class ServingHosts:
    """The hosts of one role, of all its stages.

    Attributes:
        hosts: their names.
    """

    def __init__(self, fleet: Fleet, recipe: RoleRecipe, hosts: tuple[str, ...], floor: int) -> None:
        self.hosts = hosts
        self._fleet = fleet
        self._recipe = recipe
        self._unbalanced = tuple(host for host in hosts if not fleet.balancers.know(host))
        self._looks: dict[str, tuple[float, HostLook | HostError]] = {}
        # However large the role, at most 20 looks a second are spent on the moments that need fresh ones.
        self._fresh_s = min(HEALTH_AGE_S, max(FRESH_S, len(self._unbalanced) / 20))
        self._age_s = HEALTH_AGE_S
        if floor == 0:  # Every host may leave, whoever serves: the first look is enough.
            self._fresh_s = self._age_s = math.inf
        self._few = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def first_look(self, hosts: Iterable[str]) -> dict[str, HostLook | HostError]:
        """Look at hosts, all at the same time; a host that cannot be looked at gives its error."""
        names = tuple(hosts)
        await self._look(dict.fromkeys((*names, *self._unbalanced)))
        return {host: self._looks[host][1] for host in names}

    def look_of(self, host: str) -> HostLook:
        """Return the last look at a host.

        Raises:
            HostError: it could not be looked at.
        """
        _, seen = self._looks[host]
        if isinstance(seen, HostError):
            raise seen
        return seen

    def forget(self, host: str) -> None:
        """Count a host as changed: what was seen of it holds no more."""
        if host in self._looks:
            self._looks[host] = (float("-inf"), self._looks[host][1])

    async def now(self, *, fresh: bool = False) -> frozenset[str]:
        """Say which hosts serve at this moment.

        Args:
            fresh: ask hosts without a balancer again after few seconds, because one of them is about to stop serving.

        Raises:
            BalancerSilent: a balancer gives no answer.
        """
        since = self._fleet.clock.monotonic() - (self._fresh_s if fresh else self._age_s)
        await self._look(host for host in self._unbalanced if self._looks[host][0] < since)
        standing = await self._fleet.balancers.look(self.hosts, max_age_s=_STANDING_AGE_S)
        balanced = {host for host, stands in standing.items() if stands.serving}
        healthy = {host for host in self._unbalanced if _is_healthy(self._looks[host][1])}
        return frozenset(balanced | healthy)

    async def _look(self, hosts: Iterable[str]) -> None:
        await asyncio.gather(*(self._look_at(host) for host in hosts))

    async def _look_at(self, host: str) -> None:
        async with self._few:
            fleet, at = self._fleet, self._fleet.clock.monotonic()
            try:
                seen: HostLook | HostError = await look_at(
                    fleet.transport, fleet.environment, host, self._recipe.health
                )
            except HostError as error:
                seen = error
            self._looks[host] = (at, seen)


def _is_healthy(seen: HostLook | HostError) -> bool:
    return isinstance(seen, HostLook) and seen.healthy
