"""Fencing: every host and balancer node is told who drives now, and from then on refuses whoever drove before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from takeoff.core.errors import AuthorityDoubtful, HostError, Superseded
from takeoff.core.operation import Lease
from takeoff.fleet.host_script import HostScript, lease_arguments


@dataclass(frozen=True)
class Announcement:
    """Who heard of a new epoch.

    Attributes:
        told: hosts that know it.
        unfenced: host → why it could not be told; an older driver may still change it.
    """

    told: tuple[str, ...]
    unfenced: dict[str, str]


class Fence:
    """Announces epochs to the hosts of an environment."""

    def __init__(self, script: HostScript) -> None:
        self._script = script

    async def announce(
        self, lease: Lease, hosts: Iterable[str], *, point_of_no_return: str = "", timeout_s: float = 30.0
    ) -> Announcement:
        """Tell hosts the lease's epoch, its authority and the newest point of no return, all at the same time.

        A host that could not be told hears it with its first job or balancer change, before anything else is done.

        Args:
            lease: of the driver that acts from now on.
            hosts: names in the environment; balancer nodes are hosts too.
            point_of_no_return: version of the newest one; empty if there is none or it is known to the hosts.
            timeout_s: seconds for each host.

        Raises:
            Superseded: a host knows a higher epoch: another driver is newer, or the journal is older than the hosts.
            AuthorityDoubtful: a host belongs to another journal.
        """
        names = tuple(dict.fromkeys(hosts))
        arguments = (*lease_arguments(lease), point_of_no_return)
        answers = await asyncio.gather(
            *(self._script.call(name, "fence", *arguments, timeout_s=timeout_s) for name in names),
            return_exceptions=True,
        )
        unfenced: dict[str, str] = {}
        refusals: list[BaseException] = []
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, HostError):
                unfenced[name] = str(answer)
            elif isinstance(answer, BaseException):
                refusals.append(answer)
        # A wrong journal is the graver news: whoever reads it must not believe that a newer driver is at work.
        for kind in (AuthorityDoubtful, Superseded, BaseException):
            for refusal in refusals:
                if isinstance(refusal, kind):
                    raise refusal
        return Announcement(tuple(name for name in names if name not in unfenced), unfenced)
