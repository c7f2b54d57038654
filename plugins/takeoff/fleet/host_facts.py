"""What a host says about itself before anything is changed on it."""

from __future__ import annotations

from dataclasses import dataclass

from takeoff.fleet.host_script import HostScript


@dataclass(frozen=True)
class HostFacts:
    """Facts of one host, read without changing it.

    Attributes:
        host: its name in the environment.
        hostname: what it calls itself.
        boot_id: changes with each boot.
        architecture: Debian's name of it.
        clock: its time, in seconds since 1970.
        epoch: highest driver's epoch it has seen; 0 if none.
        authority: id of the journal it belongs to; empty if none.
        point_of_no_return: newest one it was told; empty if none.
        version: installed version of the package; empty if it is not installed.
        status: dpkg's status of the package (``install ok installed``, ``install ok half-configured``, …).
        audit: what ``dpkg --audit`` complains about; empty if nothing.
        lock_holder: process that holds apt's or dpkg's lock, with its pid; empty if none.
        held: the package is on hold (``apt-mark hold``).
        free_mib: free space of the root file system.
        archives_free_mib: free space where apt keeps downloaded packages.
        memory_mib: available memory.
        skip_file: ``/etc/gitlab/skip-auto-reconfigure`` is there.
        auto_migrate: ``true`` or ``false`` as ``/etc/gitlab/gitlab.rb`` sets it; empty if it says nothing.
        running_jobs: ``operation/host/step`` of jobs that run there.
    """

    host: str
    hostname: str
    boot_id: str
    architecture: str
    clock: float
    epoch: int
    authority: str
    point_of_no_return: str
    version: str
    status: str
    audit: str
    lock_holder: str
    held: bool
    free_mib: int
    archives_free_mib: int
    memory_mib: int
    skip_file: bool
    auto_migrate: str
    running_jobs: tuple[str, ...]


async def read_facts(script: HostScript, host: str, *, timeout_s: float = 60.0) -> HostFacts:
    """Ask one host for its facts.

    Raises:
        HostUnreachable: no answer in time.
        HostKeyRejected: the host's key is not the known one.
        HostLoginRejected: it does not let us in, or not become root.
        CommandFailed: it has no dpkg, for example.
    """
    answer = await script.call(host, "facts", script.environment.package.name, timeout_s=timeout_s)
    said = dict(line.partition("=")[::2] for line in answer.data.decode("utf-8", "backslashreplace").splitlines())

    def number(key: str) -> int:
        return int(said.get(key) or 0)

    return HostFacts(
        host=host,
        hostname=said.get("hostname", ""),
        boot_id=said.get("boot_id", ""),
        architecture=said.get("architecture", ""),
        clock=float(said.get("clock") or 0),
        epoch=number("epoch"),
        authority=said.get("authority", ""),
        point_of_no_return=said.get("point_of_no_return", ""),
        version=said.get("version", ""),
        status=said.get("status", ""),
        audit=said.get("audit", ""),
        lock_holder=said.get("lock_holder", ""),
        held=said.get("held") == "1",
        free_mib=number("free_mib"),
        archives_free_mib=number("archives_free_mib"),
        memory_mib=number("memory_mib"),
        skip_file=said.get("skip_file") == "1",
        auto_migrate=said.get("auto_migrate", ""),
        running_jobs=tuple(said.get("running_jobs", "").split()),
    )
