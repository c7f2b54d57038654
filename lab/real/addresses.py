"""Which address and which port of the bridge each machine of a lab has."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from lab.layout import Layout

SERVICES = "services"
"""The node with repository, database, Prometheus and Alertmanager: of the lab, but nothing that Takeoff logs in to."""


@dataclass(frozen=True)
class Addresses:
    """The numbers of a lab's machines, the same at every start.

    Attributes:
        layout: the lab's hosts and balancer nodes.
        subnet: the lab's addresses, such as ``10.64.0.0/22``.
    """

    layout: Layout
    subnet: str

    @property
    def names(self) -> tuple[str, ...]:
        """Every machine: the services node first, as all others need it, then balancer nodes, then hosts."""
        return (SERVICES, *self.layout.balancers, *(host.name for host in self.layout.hosts))

    def port(self, name: str) -> int:
        """The number of the machine's port on the bridge."""
        return self.names.index(name)

    def of(self, name: str) -> str:
        """The machine's address; the first of the subnet is this machine's own end."""
        return str(ipaddress.ip_network(self.subnet)[2 + self.port(name)])

    def with_bits(self, name: str) -> str:
        """Address and prefix length, as ip(8) takes them."""
        return f"{self.of(name)}/{ipaddress.ip_network(self.subnet).prefixlen}"

    def hardware(self, name: str) -> str:
        """The machine's Ethernet address, the same at every boot; locally administered."""
        number = self.port(name)
        return f"02:74:6f:6c:{number >> 8:02x}:{number & 0xFF:02x}"

    def neighbours(self, name: str) -> tuple[str, ...]:
        """The machines that this one talks to: nodes that serve talk to all, hosts to those nodes."""
        nodes = (SERVICES, *self.layout.balancers)
        return tuple(each for each in (self.names if name in nodes else nodes) if each != name)
