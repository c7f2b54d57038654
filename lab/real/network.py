"""The lab's network: a bridge in a namespace of its own, one cable to each host and one to the machine.

Nothing but the machine's end of its own cable, and the route to the lab's addresses with it, appears among the
machine's interfaces, and no firewall rule anywhere. When the process that holds the bridge's namespace ends, the kernel
removes the bridge and all cables with both their ends.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from lab.real.addresses import Addresses
from lab.state import LabError

BRIDGE = "bridge"
RANGE = ipaddress.ip_network("10.64.0.0/10")
"""Where labs take their addresses from: a part of the private range that home and office routers seldom use."""
MACHINE = "02:74:6f:6c:ff:ff"
"""Ethernet address of the machine's end of its cable."""
BITS = 22
"""Each lab gets 1022 addresses, about as many as a bridge has ports."""


def machine_cable(folder: Path) -> str:
    """Name of the machine's end of its cable to the lab; interface names have at most 15 characters."""
    return "takeoff-" + hashlib.sha256(str(folder).encode()).hexdigest()[:7]


def cable(index: int) -> str:
    """Name of the bridge's end of a host's cable."""
    return f"port{index}"


def free_subnet() -> str:
    """Addresses that the machine has no route to yet, so that the lab's hide nobody.

    Raises:
        LabError: the whole range is taken.
    """
    for candidate in RANGE.subnets(new_prefix=BITS):
        if not taken(str(candidate)):
            return str(candidate)
    raise LabError(f"no free addresses for a lab in {RANGE}: take another lab down first")


def taken(subnet: str) -> bool:
    """Whether the machine has a route into a subnet."""
    routes = json.loads(_run(["ip", "-4", "-json", "route", "show", "table", "all"]))
    networks = (ipaddress.ip_network(route["dst"]) for route in routes if route.get("dst", "default") != "default")
    return any(ipaddress.ip_network(subnet).overlaps(network) for network in networks)


def lay(folder: Path, holder: int, addresses: Addresses) -> None:
    """Make the bridge in the namespace that process ``holder`` keeps, and the machine's cable to it."""
    network, name = ipaddress.ip_network(addresses.subnet), machine_cable(folder)
    batch(
        [
            "link set lo up",
            f"link add {BRIDGE} type bridge",
            f"link set {BRIDGE} up",
            f"link add machine type veth peer name lab-end address {MACHINE}",
            "link set machine master bridge up",
        ],
        holder,
    )
    # Made inside and moved out under its final name: the machine's namespace never has a half-made interface.
    batch([f"link set lab-end name {name} netns {os.getpid()}"], holder)
    known = [_neighbour(addresses, each, name) for each in addresses.names]
    batch([f"address add {network[1]}/{network.prefixlen} dev {name}", f"link set {name} up", *known])


def interface(addresses: Addresses, name: str) -> str:
    """The ip(8) commands that set a machine's own interface up, as its boot runs them.

    Neighbours are entered for good: the kernel's table of those it finds by itself holds 1024 for all namespaces
    together, which a hundred hosts fill, and then no connection is made any more.
    """
    first = ipaddress.ip_network(addresses.subnet)[1]
    commands = [
        "link set lo up",
        f"link set eth0 address {addresses.hardware(name)}",
        f"address add {addresses.with_bits(name)} dev eth0",
        "link set eth0 up",
        f"neighbour replace {first} lladdr {MACHINE} dev eth0 nud permanent",
        *(_neighbour(addresses, each, "eth0") for each in addresses.neighbours(name)),
    ]
    return "\n".join(commands) + "\n"


def _neighbour(addresses: Addresses, name: str, device: str) -> str:
    return f"neighbour replace {addresses.of(name)} lladdr {addresses.hardware(name)} dev {device} nud permanent"


def plug(holder: int, hosts: Iterable[tuple[int, int]]) -> None:
    """Run a cable from the bridge to each host.

    Args:
        holder: process that keeps the bridge's namespace.
        hosts: index of each host and its process 1, as this machine numbers it.
    """
    batch(list(_cables(hosts)), holder)


def _cables(hosts: Iterable[tuple[int, int]]) -> Iterator[str]:
    for index, pid in hosts:
        yield f"link add {cable(index)} type veth peer name eth0 netns {pid}"
        yield f"link set {cable(index)} master {BRIDGE} up"


def unplug_machine(folder: Path) -> None:
    """Remove the machine's cable, if it is still there."""
    subprocess.run(["ip", "link", "delete", machine_cable(folder)], capture_output=True, check=False)


def batch(commands: list[str], holder: int | None = None, *, keep_going: bool = False) -> None:
    """Run ip(8) commands at one go, in the network namespace of a process or of the machine.

    Args:
        commands: without the leading ``ip``.
        holder: process in whose network namespace; None for the machine's own.
        keep_going: go on after a command that failed, and take its failure as expected.

    Raises:
        LabError: one failed; the ones before it are done.
    """
    inside = [] if holder is None else ["nsenter", f"--net=/proc/{holder}/ns/net"]
    text = "\n".join(commands) + "\n"
    if keep_going:
        subprocess.run(
            [*inside, "ip", "-force", "-batch", "-"], input=text, text=True, capture_output=True, check=False
        )
    else:
        _run([*inside, "ip", "-batch", "-"], text)


def _run(command: list[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"`{' '.join(command)}` failed: {done.stderr.strip() or done.stdout.strip()}\n{text}".strip())
    return done.stdout
