"""One host's way out of every load balancer and back, while its package is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from takeoff.core.balancer_status import ServerStatus
from takeoff.core.errors import CheckFailed
from takeoff.core.operation import Lease
from takeoff.fleet.load_balancer import LoadBalancers
from takeoff.fleet.protocols import Clock, Progress

POLL_S = 0.25
"""Time between two looks while something is awaited; hosts that wait at the same time share one look."""

WATCH_S = 2.0
"""Time between two looks at a host that must stay out."""

BACK_S = 60.0
"""How long a balancer may take to send traffic to a server that was made ready and passes its check."""


class StillOpen(CheckFailed):
    """A host's sessions did not end in time; nothing was changed on the host."""


class HostService:
    """Whether one host serves, in all balancers at once. Servers that a person put to maint are left alone.

    Attributes:
        notes: what must be told afterwards: a person's maint, a state that a reload had reset.
    """

    def __init__(
        self,
        host: str,
        balancers: LoadBalancers,
        lease: Lease,
        clock: Clock,
        progress: Progress,
        *,
        maint_is_ours: bool = False,
    ) -> None:
        self.notes: list[str] = []
        self._host = host
        self._balancers = balancers
        self._lease = lease
        self._clock = clock
        self._progress = progress
        self._maint_is_ours = maint_is_ours

    async def drain(self, timeout_s: float, *, untouched: bool = True) -> None:
        """Take the host out everywhere and wait until no session is open or queued anywhere.

        Args:
            timeout_s: longest wait.
            untouched: it is healthy and in the middle of no change, so that it may serve again if the wait is in vain.

        Raises:
            StillOpen: the time is over. Servers that this call took out serve again, if the host is untouched; those
                that an earlier try had taken out stay out.
            BalancerSilent: a balancer gives no answer.
        """
        taken_out = []
        for balancer, status in await self._ours():
            if status.serving and untouched:
                taken_out.append((balancer, status.name))
            if status.word != "DRAIN":
                await self._balancers.set_state(self._lease, balancer, status.name, "drain")
        give_up = self._clock.monotonic() + timeout_s
        while open_sessions := sum(status.open for _, status in await self._out()):
            if self._clock.monotonic() >= give_up:
                for balancer, server in taken_out:
                    await self._balancers.set_state(self._lease, balancer, server, "ready")
                now = "it serves again" if taken_out else "it stays drained"
                raise StillOpen(
                    f"{self._host}: {open_sessions} sessions were still open {timeout_s:.0f} s after it was drained; "
                    f"nothing was changed and {now}: find what holds them, or raise its role's drain_timeout"
                )
            self._progress.host(self._host, "draining", f"{open_sessions} sessions open")
            await self._clock.sleep(POLL_S)

    async def verify_drained(self) -> None:
        """Look once more, immediately before the package is unpacked.

        Raises:
            CheckFailed: sessions are open again.
            BalancerSilent: a balancer gives no answer.
        """
        if open_sessions := sum(status.open for _, status in await self._out(max_age_s=0.0)):
            raise CheckFailed(
                f"{self._host}: {open_sessions} sessions came while it was drained; nothing was unpacked: look who "
                "sends them, and try again"
            )

    @asynccontextmanager
    async def kept_out(self) -> AsyncIterator[None]:
        """While inside, look again and again that the host is out, and put it out again if a reload had reset that.

        Raises:
            BalancerSilent: on leaving: from some moment on a balancer gave no answer.
            Superseded: on leaving: another driver or operation has taken over.
        """
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            (ended,) = await asyncio.gather(watch, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    async def serve_again(self, timeout_s: float) -> None:
        """Put the host back, once every balancer's own health check passes while it is still drained.

        The caller has seen that the host is healthy.

        Raises:
            CheckFailed: a balancer's check does not pass in time; the host stays drained.
            BalancerSilent: a balancer gives no answer; the host may stay drained in some.
        """
        for balancer, status in await self._ours():
            if status.in_maint:  # ours, from when it was left behind; in maint HAProxy does not check
                await self._balancers.set_state(self._lease, balancer, status.name, "drain")
        await self._until(
            lambda status: status.check_passes, timeout_s, "its health check does not pass, so it stays drained"
        )
        for balancer, status in await self._ours():
            await self._balancers.set_state(self._lease, balancer, status.name, "ready")
        await self._until(lambda status: status.serving, BACK_S, "it was made ready and gets no traffic")

    async def _until(self, holds: Callable[[ServerStatus], bool], timeout_s: float, otherwise: str) -> None:
        give_up = self._clock.monotonic() + timeout_s
        while bad := [(balancer, status) for balancer, status in await self._ours() if not holds(status)]:
            if self._clock.monotonic() >= give_up:
                balancer, status = bad[0]
                said = " ".join(filter(None, (status.status, status.check, status.check_told)))
                raise CheckFailed(
                    f"{self._host}: after {timeout_s:.0f} s {balancer} says of {status.name} {said!r}: {otherwise}"
                )
            await self._clock.sleep(POLL_S)

    async def _watch(self) -> None:
        while True:
            await self._clock.sleep(WATCH_S)
            await self._out(max_age_s=WATCH_S / 2)

    async def _out(self, max_age_s: float = POLL_S / 2) -> list[tuple[str, ServerStatus]]:
        """Read the servers that must be out; one that takes traffic again is put out again, and that is told."""
        servers = await self._ours(max_age_s)
        for balancer, status in servers:
            if status.serving:
                self._note(f"{balancer} had {status.name} ready again, as after a reload; it was drained again")
            # HAProxy does not show whether a server that is down is drained, so it is drained again unseen.
            if status.serving or status.word == "DOWN":
                await self._balancers.set_state(self._lease, balancer, status.name, "drain")
        return servers

    async def _ours(self, max_age_s: float = POLL_S / 2) -> list[tuple[str, ServerStatus]]:
        """Read all servers of the host but those that a person has in maint now."""
        standing = (await self._balancers.look([self._host], max_age_s=max_age_s)).get(self._host)
        ours = []
        for balancer, status in standing.servers if standing else ():
            if status.in_maint and not self._maint_is_ours:
                self._note(f"{status.name} is {status.status} at {balancer}, not by this rollout, and was left so")
            else:
                ours.append((balancer, status))
        return ours

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
            self._progress.line(f"{self._host}: {text}")
