"""Rule 2: never fewer serving hosts than the floor, no unhealthy host back into use, drained before unpacked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.observer.rules.judge import Fleet
from lab.observer.sights import Breach, Look, ServerSight


class Floor:
    """Sees servers taken out below the floor, put back unhealthy, and unpacked under their users."""

    rule = 2
    title = "The floor holds, only healthy hosts serve, and a host is drained before it is unpacked"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def judge(self, look: Look, before: Look | None) -> Iterable[Breach]:
        """Judge one look against the one before it."""
        if before is None:
            return
        for backend, hosts in self._fleet.backends.items():
            yield from self._below_floor(look, before, backend, hosts)
            for host in hosts:
                yield from self._put_back_unhealthy(look, before, host)
                yield from self._unpacked_in_use(look, before, host)

    def conclude(self, last: Look) -> Iterable[Breach]:
        """Nothing of this rule is left to be seen at the end."""
        return ()

    def _below_floor(self, look: Look, before: Look, backend: str, hosts: tuple[str, ...]) -> Iterator[Breach]:
        """Only who takes a host out below the floor breaks the rule; a host that breaks does not."""
        serving = [host for host in hosts if look.serves(host)]
        taken = [host for host in hosts if _taken_out(look, host) and not _taken_out(before, host)]
        if taken and len(serving) < self._fleet.floors[backend]:
            yield Breach(
                self.rule,
                f"floor {backend} {' '.join(taken)} {look.at}",
                look.at,
                taken[0],
                f"{', '.join(taken)} left service, and {len(serving)} of {backend} serve where "
                f"{self._fleet.floors[backend]} must",
                tuple(_line(look, host) for host in hosts),
            )

    def _put_back_unhealthy(self, look: Look, before: Look, host: str) -> Iterator[Breach]:
        sight, earlier = look.hosts[host], before.hosts[host]
        for node, server in look.servers(host).items():
            was = before.servers(host).get(node)
            if not (server and was and was.taken_out and not server.taken_out):
                continue
            unready = sight.ready is not True and earlier.ready is not True
            if unready or sight.state != "installed":
                yield Breach(
                    self.rule,
                    f"unhealthy {host} {node} {look.at}",
                    look.at,
                    host,
                    f"{host} was put back into use on {node} although it is not healthy",
                    (
                        f"{node} had it as {was.status}, and has it as {server.status}",
                        f"readiness before: {_readiness(earlier.ready)}, now: {_readiness(sight.ready)}",
                        f"dpkg: {sight.package} {sight.state}",
                    ),
                )

    def _unpacked_in_use(self, look: Look, before: Look, host: str) -> Iterator[Breach]:
        for unpack in look.hosts[host].unpacked:
            for node, server in look.servers(host).items():
                was = before.servers(host).get(node)
                if server and was and _in_use(server) and _in_use(was):
                    yield Breach(
                        self.rule,
                        f"unpacked {host} {unpack.line}",
                        look.at,
                        host,
                        f"{host} was unpacked while {node} had it in use",
                        (unpack.line, f"{node}: {was.status} with {was.sessions} requests, then {server.status}"),
                    )


def _in_use(server: ServerSight) -> bool:
    return not server.taken_out or server.sessions > 0


def _taken_out(look: Look, host: str) -> bool:
    return any(server is not None and server.taken_out for server in look.servers(host).values())


def _line(look: Look, host: str) -> str:
    states = ", ".join(
        f"{node}: {server.status if server else 'no answer'}" for node, server in look.servers(host).items()
    )
    return f"{host}: {states}"


def _readiness(ready: bool | None) -> str:
    return {True: "ready", False: "not ready", None: "no answer"}[ready]
