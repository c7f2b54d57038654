"""Which versions may run side by side: every mix that a plan can pass through is checked before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from takeoff.core.errors import Refused
from takeoff.core.versions import PackageVersion

RAILS = ("web", "api", "git", "websockets", "internal-api", "sidekiq")
"""Roles that run GitLab's Rails code."""

NEVER_OLDER_THAN = {"gitaly": ("praefect", *RAILS), "praefect": RAILS}
"""Role → its clients. A newer Gitaly serves older clients, but a newer client may call what an older Gitaly does not
have (GitLab docs, "Zero-downtime upgrades"; gitlab-org/gitaly#6934). Other roles may be mixed freely."""


class Move(NamedTuple):
    """One rollout of a plan.

    Attributes:
        task: id of the task that does it.
        hosts: whose version changes in it; in which order is not known.
    """

    task: str
    hosts: tuple[str, ...]


class Mix(NamedTuple):
    """Two hosts that a plan can leave side by side, and must not.

    Attributes:
        task: during which rollout.
        client: the host that is too new.
        client_version: what it runs then.
        server: the host that is too old for it.
        server_version: what it runs then.
    """

    task: str
    client: str
    client_version: str
    server: str
    server_version: str

    def __str__(self) -> str:
        """Say it to an operator."""
        return (
            f"during {self.task}, {self.client} could run {self.client_version} while {self.server}, which serves it, "
            f"still runs {self.server_version}"
        )


def forbidden_mixes(
    roles: Mapping[str, str], installed: Mapping[str, str], target: str, moves: Iterable[Move]
) -> tuple[Mix, ...]:
    """Find the mixes that a plan can pass through and must not, each pair of roles and versions once.

    Within a move any hosts may be done and any not yet, so both versions of each of them are looked at. Mixes of
    versions that exist before the plan begins are not held against it: it may be what ends them.

    Args:
        roles: host → role, of the whole fleet without the blessed node.
        installed: host → version before the plan; hosts without the package serve nobody and are left out.
        target: the version that all moves lead to.
        moves: in order.

    Raises:
        VersionError: a version cannot be compared with others.
    """
    now: dict[str, str] = dict(installed)
    parsed = {text: PackageVersion.parse(text) for text in {target, *now.values()}}
    known = set(_pairs(roles, _versions(roles, now)))
    found: list[Mix] = []
    for move in moves:
        reachable = _versions(roles, now, dict.fromkeys(move.hosts, target))
        for pair in _pairs(roles, reachable):
            server, client, server_version, client_version = pair
            if parsed[server_version] < parsed[client_version] and pair not in known:
                known.add(pair)
                too_new, too_old = reachable[client][client_version], reachable[server][server_version]
                found.append(Mix(move.task, too_new, client_version, too_old, server_version))
        now.update(dict.fromkeys(move.hosts, target))
    return tuple(found)


def refuse_forbidden_mixes(
    roles: Mapping[str, str], installed: Mapping[str, str], target: str, moves: Iterable[Move]
) -> None:
    """Refuse a plan that can reach a forbidden mix; see :func:`forbidden_mixes`.

    Raises:
        Refused: named ``skew``; every mix is in the message.
    """
    if mixes := forbidden_mixes(roles, installed, target, moves):
        told = "; ".join(str(mix) for mix in mixes)
        raise Refused(
            "skew",
            f"the plan can reach a forbidden mix of versions: {told}; move the older role first, by the order of the "
            "stages (a deploy) or by rollback_order (a rollback) in the environment file",
        )


_Versions = dict[str, dict[str, str]]
"""Role → version → one host that runs it."""


def _versions(roles: Mapping[str, str], *states: Mapping[str, str]) -> _Versions:
    found: _Versions = {}
    for state in states:
        for host, version in state.items():
            if host in roles:
                found.setdefault(roles[host], {}).setdefault(version, host)
    return found


def _pairs(roles: Mapping[str, str], versions: _Versions) -> Sequence[tuple[str, str, str, str]]:
    """List server role, client role, and every pair of their versions."""
    present = set(roles.values())
    return [
        (server, client, *pair)
        for server, clients in NEVER_OLDER_THAN.items()
        for client in clients
        if server in present and client in present
        for pair in product(versions.get(server, {}), versions.get(client, {}))
    ]
