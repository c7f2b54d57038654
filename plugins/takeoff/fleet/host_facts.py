"""Asks a host for what it says about itself, without changing it."""

from __future__ import annotations

from takeoff.core.host_facts import HostFacts
from takeoff.fleet.host_script import HostScript


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
