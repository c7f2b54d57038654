"""The cable of a machine: cut, losing frames, or slow. A reboot plugs a sound one in."""

from __future__ import annotations

import sys

from lab.kind import Fault
from lab.real import namespaces, network
from lab.real.fleet import Fleet
from lab.state import LabError

LOSS_PERCENT = 20
DELAY_MILLISECONDS = 150
"""One way; a round trip takes twice as long."""

_WIRE = namespaces.BOOT.with_name("wire.py")


def faults(fleet: Fleet) -> list[Fault]:
    """Cable cut, packet loss and delay."""
    cables = Cables(fleet)
    return [
        Fault("cable", "the host's network cable is cut; it runs on, unheard", True, cables.cut, cables.mend),
        Fault(
            "packet-loss",
            f"{LOSS_PERCENT} % of the host's network frames are lost, in each direction",
            True,
            lambda host: cables.spoil(host, loss=LOSS_PERCENT),
            cables.mend,
        ),
        Fault(
            "delay",
            f"the host's network frames take {DELAY_MILLISECONDS} ms, in each direction",
            True,
            lambda host: cables.spoil(host, delay=DELAY_MILLISECONDS),
            cables.mend,
        ),
    ]


class Cables:
    """The cables from the bridge to the lab's machines."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def cut(self, host: str) -> None:
        """Let nothing through."""
        self._ip([f"link set {self._port(host)} down"])

    def spoil(self, host: str, *, loss: float = 0, delay: float = 0) -> None:
        """Replace the cable by a bad one: loss in percent, delay in milliseconds."""
        self.mend(host)
        port = self._port(host)
        near, far = f"{port}-near", f"{port}-far"
        self._ip(
            [
                f"link add {near} type veth peer name {far}",
                f"link set {far} master {network.BRIDGE} up",
                f"link set {near} up",
                f"link set {port} nomaster",
            ]
        )
        holder = self._fleet.network_process().pid
        command = ["nsenter", f"--net=/proc/{holder}/ns/net", sys.executable, "-ISs", str(_WIRE), port, near]
        namespaces.spawn(
            self._fleet.folder,
            part=f"wire {host}",
            namespaces=[],
            command=[*command, str(loss), str(delay)],
            log=self._fleet.folder / "log" / f"{host}-wire.log",
        ).close()
        namespaces.await_parts(self._fleet.folder, {f"wire {host}"})

    def mend(self, host: str) -> None:
        """Plug the cable into the bridge again."""
        if wire := namespaces.find(self._fleet.folder).get(f"wire {host}"):
            namespaces.kill(wire)
            wire.wait(timeout=5)
        port = self._port(host)
        network.batch([f"link delete {port}-near"], self._fleet.network_process().pid, keep_going=True)
        self._ip([f"link set {port} master {network.BRIDGE} up"])

    def _port(self, host: str) -> str:
        if self._fleet.process(host) is None:
            raise LabError(f"{host} is off, so it has no cable to break or mend; `mend power {host}` boots it")
        return network.cable(self._fleet.addresses.port(host))

    def _ip(self, commands: list[str]) -> None:
        network.batch(commands, self._fleet.network_process().pid)
