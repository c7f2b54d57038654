"""Boots, finds, enters and powers off the machines of one lab."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import psutil

from lab.kind import HostResult
from lab.real import namespaces, network
from lab.real.addresses import Addresses
from lab.real.image import HOST, SERVER
from lab.spawn import DEFAULT_SIGNALS
from lab.state import LabError, write_file

_NETWORK = "network"
"""The part that holds the bridge's namespace: a sleeping process."""

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Fleet:
    """The machines of the lab in one folder.

    Attributes:
        folder: the lab's folder.
        addresses: the machines' names and numbers.
    """

    def __init__(self, folder: Path, addresses: Addresses) -> None:
        self.folder, self.addresses = folder, addresses
        self._processes: dict[str, psutil.Process] = {}

    def disk_folder(self, name: str) -> Path:
        """Where the machine's disk is kept."""
        return self.folder / "hosts" / name

    def ensure_network(self) -> None:
        """Make bridge and cables' namespace, unless they are there.

        Raises:
            LabError: the lab's addresses belong to something else on this machine by now.
        """
        (self.folder / "log").mkdir(parents=True, exist_ok=True)
        if _NETWORK in namespaces.find(self.folder):
            return
        network.unplug_machine(self.folder)  # of a lab that crashed
        if network.taken(self.addresses.subnet):
            raise LabError(
                f"{self.addresses.subnet}: this machine uses the lab's addresses for something else by now; "
                f"take the lab down, remove {self.folder} and bring it up anew"
            )
        with namespaces.spawn(
            self.folder,
            part=_NETWORK,
            namespaces=["--net"],
            command=["sh", "-c", "read -r _ && exec sleep infinity </dev/null"],
            log=self.folder / "log" / "network.log",
        ) as gate:
            found = namespaces.await_parts(self.folder, {_NETWORK})
            network.lay(self.folder, found[_NETWORK].pid, self.addresses)
            gate.write(b"go\n")

    def boot(self, names: Iterable[str]) -> None:
        """Boot machines, once the network is there, and wait until each answers on its SSH port; running ones stay.

        Raises:
            LabError: a machine does not come up; names it and its log.
        """
        running = namespaces.find(self.folder)
        starting = [name for name in names if name not in running]
        holder = self.network_process().pid
        with contextlib.ExitStack() as stack:
            gates = {name: stack.enter_context(self._spawn(name)) for name in starting}
            parts = namespaces.await_parts(self.folder, set(starting))
            stale = [f"link delete {network.cable(self.addresses.port(name))}" for name in starting]
            network.batch(stale, holder, keep_going=True)  # of a boot that was cut short
            network.plug(holder, [(self.addresses.port(name), parts[name].pid) for name in starting])
            for gate in gates.values():
                gate.write(b"go\n")
        self._await_ssh(starting)

    def process(self, name: str) -> psutil.Process | None:
        """Process 1 of a machine, or None while it is off."""
        known = self._processes.get(name)
        if known is None or not known.is_running():
            self._processes = namespaces.find(self.folder)
        return self._processes.get(name)

    def network_process(self) -> psutil.Process:
        """The process that holds the bridge's network namespace.

        Raises:
            LabError: the lab is down.
        """
        if process := namespaces.find(self.folder).get(_NETWORK):
            return process
        raise LabError(f"{self.folder}: the lab's network is down; bring the lab up with `python -m lab up`")

    def power_off(self, name: str) -> None:
        """End every process of a machine at once; its disk stays."""
        if process := self.process(name):
            namespaces.kill(process)
            psutil.wait_procs([process], timeout=10)
            while self.process(name):
                time.sleep(0.01)

    def run(self, name: str, script: str, timeout_seconds: float, *, user: str | None = None) -> HostResult:
        """Run a sh script on a machine as root, or as another user, without SSH.

        Raises:
            LabError: the machine is off, or the script took too long (it is ended then).
        """
        if not (process := self.process(name)):
            raise LabError(f"{name} is off; `python -m lab mend power {name}` boots it")
        inside = [
            *DEFAULT_SIGNALS,
            "nsenter",
            f"--target={process.pid}",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--root",
            "--wd",
        ]
        command = (
            ["sh", "-c", script]
            if user is None
            else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "sh", "-c", script]
        )
        started = subprocess.Popen(
            [*inside, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = started.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, 9)
            started.wait()
            raise LabError(
                f"{name}: a script of the lab took more than {timeout_seconds:.0f} s: {script[:80]}"
            ) from None
        return HostResult(started.returncode, output)

    def copy(self, source: str, paths: Sequence[str], names: Sequence[str]) -> None:
        """Give running machines what another one has below some paths, beyond what all have from their image.

        Raises:
            LabError: it failed on a machine.
        """
        disk = self.disk_folder(source) / "disk"
        present = [path for path in paths if (disk / path).exists()]
        content = subprocess.run(["tar", "-C", str(disk), "-c", *present], capture_output=True, check=True).stdout
        running = namespaces.find(self.folder)

        def unpack(name: str) -> None:
            # Through the machine's own root: the layer below a mounted overlay must not be written to.
            root = f"/proc/{running[name].pid}/root"
            done = subprocess.run(["tar", "-C", root, "-x"], input=content, capture_output=True, check=False)
            if done.returncode:
                raise LabError(f"{name}: copying from {source} failed: {done.stderr.decode(errors='replace').strip()}")

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(unpack, names))

    def _spawn(self, name: str) -> IO[bytes]:
        write_file(self.disk_folder(name) / "network", network.interface(self.addresses, name).encode())
        server = name not in {host.name for host in self.addresses.layout.hosts}
        image = SERVER if server else HOST
        return namespaces.spawn(
            self.folder,
            part=name,
            namespaces=["--mount", "--propagation=private", "--uts", "--ipc", "--net"],
            command=[
                "sh",
                str(namespaces.BOOT),
                str(self.disk_folder(name)),
                name,
                str(image.folder()),
            ],
            log=self.folder / "log" / f"{name}.log",
        )

    def _await_ssh(self, names: list[str], timeout_seconds: float = 30) -> None:
        end, waiting = time.monotonic() + timeout_seconds, dict.fromkeys(names)
        while waiting:
            for name in list(waiting):
                with contextlib.suppress(OSError), socket.create_connection((self.addresses.of(name), 22), 0.5):
                    del waiting[name]
            if waiting and time.monotonic() > end:
                raise LabError(
                    f"{', '.join(waiting)} did not answer on SSH within {timeout_seconds:.0f} s; "
                    f"see {self.folder / 'log'}"
                )
            if waiting:
                time.sleep(0.02)
