"""Which hosts a lab has: the default of thirteen, and how it grows to any number."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

MINIMUM_HOSTS = 8
"""One host for each group below, and the blessed node."""

BALANCED_ROLES = ("git", "web")
"""Roles that stand behind the balancers; canary's and main's hosts of a role share the backend of that name."""

_GROUPS: tuple[tuple[str, str, str, int], ...] = (
    ("shared", "gitaly", "gitaly", 2),
    ("canary", "git", "git-cny", 1),
    ("canary", "web", "web-cny", 1),
    ("canary", "sidekiq", "sidekiq-cny", 1),
    ("main", "git", "git", 2),
    ("main", "web", "web", 4),
    ("main", "sidekiq", "sidekiq", 1),
)
"""Stage, role, name stem and the number of hosts among the default thirteen."""


class HostSpec(BaseModel):
    """One host that Takeoff deploys to.

    Attributes:
        name: unique in the lab, such as ``web-cny-01``.
        stage: ``shared``, ``canary`` or ``main``; None for the blessed node, which belongs to no stage.
        role: ``deploy`` (the blessed node), ``gitaly``, ``git``, ``web`` or ``sidekiq``.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    stage: str | None
    role: str

    @property
    def backend(self) -> str | None:
        """The balancers' backend that holds this host, under its own name as the server's."""
        return self.role if self.role in BALANCED_ROLES else None


class Layout(BaseModel):
    """All hosts of a lab, in the order of the environment file, and its balancer nodes.

    Attributes:
        hosts: the blessed node first, then stage by stage.
        balancers: names of the nodes that run HAProxy; they are reached over SSH too, but never deployed to.
    """

    model_config = ConfigDict(frozen=True)

    hosts: tuple[HostSpec, ...]
    balancers: tuple[str, ...]

    @property
    def blessed(self) -> HostSpec:
        """The host that runs migrations and serves no users."""
        return self.hosts[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Every machine of the lab: hosts, then balancer nodes."""
        return (*(host.name for host in self.hosts), *self.balancers)

    def host(self, name: str) -> HostSpec:
        """Look a host up by name; KeyError when the lab has none of that name."""
        return next((host for host in self.hosts if host.name == name), None) or _missing(name, self.names)

    def groups(self) -> Iterator[tuple[str, str, tuple[HostSpec, ...]]]:
        """Yield stage, role and hosts, in rollout order."""
        for stage, role, _, _ in _GROUPS:
            yield stage, role, tuple(host for host in self.hosts if (host.stage, host.role) == (stage, role))


def plan_layout(count: int = 13, balancers: int = 1) -> Layout:
    """Lay out a lab of so many hosts.

    Args:
        count: hosts that are deployed to, the blessed node included; at least ``MINIMUM_HOSTS``.
        balancers: nodes that run HAProxy, beside ``count``.

    Returns:
        The default thirteen, or the same proportions: each group keeps its share, rounded down but never below one
        host, and what is left goes to main's web hosts.

    Raises:
        ValueError: too few hosts or balancers.
    """
    if count < MINIMUM_HOSTS:
        raise ValueError(f"a lab needs at least {MINIMUM_HOSTS} hosts (one for each role and stage), not {count}")
    if balancers < 1:
        raise ValueError(f"a lab needs at least one balancer node, not {balancers}")
    sizes = {(stage, role): max(1, size * (count - 1) // 12) for stage, role, _, size in _GROUPS}
    while sum(sizes.values()) > count - 1:  # small labs: the groups above one host give way to the minimum
        sizes[max(sizes, key=lambda group: sizes[group])] -= 1
    sizes["main", "web"] += count - 1 - sum(sizes.values())
    width = max(2, len(str(max(sizes.values()))))
    hosts = [HostSpec(name="deploy-01", stage=None, role="deploy")]
    for stage, role, stem, _ in _GROUPS:
        hosts += [
            HostSpec(name=f"{stem}-{number:0{width}}", stage=stage, role=role)
            for number in range(1, sizes[stage, role] + 1)
        ]
    return Layout(hosts=tuple(hosts), balancers=tuple(f"lb-{number:02}" for number in range(1, balancers + 1)))


def _missing(name: str, known: tuple[str, ...]) -> HostSpec:
    raise KeyError(f"the lab has no host {name!r}; its hosts are {', '.join(known)}")
