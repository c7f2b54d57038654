"""Starts the hosts, and describes them as an environment."""

from __future__ import annotations

import os
import resource
import secrets
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import yaml

from bench.many_hosts.package_commands import write_commands
from lab.layout import HostSpec, Layout
from lab.ports import free_ports
from lab.process.command_folder import make_command_folder
from lab.process.host import kill_processes_of, open_host
from lab.spawn import module_command, spawn, wait_until
from lab.state import Endpoint, HostRecord, LabRecord, LabState, end_processes, write_file

LOOPBACK = "127.0.0.1"
BLESSED = "deploy-01"


@contextmanager
def many_hosts(count: int) -> Iterator[LabState]:
    """Serve so many hosts beside the blessed node, and end all that runs on them afterwards."""
    allow_many_files()
    with tempfile.TemporaryDirectory(prefix="takeoff-bench-") as name:
        state = LabState(Path(name) / "lab")
        record = _plan(state, count)
        server = spawn(state, "ssh", module_command("lab.process.server", str(state.folder)), dict(os.environ))
        try:
            log = state.path("log", "ssh.log")
            wait_until(lambda: "hosts answer" in log.read_text(), "the hosts' SSH server", log, process=server)
            yield state
        finally:
            end_processes([server])
            kill_processes_of([open_host(state, host, 0) for host in record.hosts])


def allow_many_files() -> None:
    """Let this process, and those that it starts, hold a socket for each host."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _plan(state: LabState, count: int) -> LabRecord:
    width = len(str(count))
    names = [BLESSED, *(f"web-{number:0{width}}" for number in range(1, count + 1))]
    specs = tuple(HostSpec(name=name, stage="main", role="web") for name in names)
    *ports, control = free_ports(len(names) + 1, LOOPBACK)
    record = LabRecord(kind="process", layout=Layout(hosts=specs, balancers=()))
    for name, port in zip(names, ports, strict=True):
        record.hosts[name] = HostRecord(
            ssh=Endpoint(address=LOOPBACK, port=port), http=Endpoint(address=LOOPBACK, port=0)
        )
    identity = asyncssh.generate_private_key("ssh-ed25519")
    write_file(state.folder / "id_ed25519", identity.export_private_key(), mode=0o600)
    write_file(state.folder / "id_ed25519.pub", identity.export_public_key())
    record.ssh_identity, record.known_hosts = str(state.folder / "id_ed25519"), str(state.folder / "known_hosts")
    record.settings = {
        "authorized_keys": str(state.folder / "id_ed25519.pub"),
        "control_port": str(control),
        "control_token": secrets.token_hex(16),
    }
    with ThreadPoolExecutor() as pool:
        keys = pool.map(lambda name: _make_host(state, name), names)
    known = (f"[{LOOPBACK}]:{record.hosts[name].ssh.port} {key}\n" for name, key in zip(names, keys, strict=True))
    write_file(Path(record.known_hosts), "".join(known).encode())
    make_command_folder(state.folder / "commands")
    write_commands(state.folder / "commands")
    state.write(record)
    return record


def _make_host(state: LabState, name: str) -> str:
    host = open_host(state, name, 0)
    host.create()
    (host.root / "var/cache/apt/archives").mkdir(parents=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    write_file(host.key, key.export_private_key(), mode=0o600)
    return key.export_public_key().decode().strip()


def write_environment(state: LabState, count: int, folder: Path) -> Path:
    """Describe the first so many of the hosts as an environment of one role without a balancer."""
    record = state.read()
    hosts = [{"name": name, "address": each.ssh.address, "port": each.ssh.port} for name, each in record.hosts.items()]
    blessed, web = hosts[0], hosts[1 : count + 1]
    described = {
        "name": f"of-{count}",
        "package": {
            "name": "gitlab-ee",
            "sources": [{"type": "apt_cache"}],
        },
        "ssh": {
            "user": record.ssh_user,
            "identity_file": record.ssh_identity,
            "known_hosts": record.known_hosts,
            "become": "none",
        },
        "deploy_node": blessed,
        "stages": [{"name": "main", "roles": {"web": {"hosts": web}}}],
        "roles": {
            "web": {
                "drain": False,
                "prepare": ["true"],
                "configure": ["true"],
                "restart": ["true"],
                "health": {"command": "true", "interval": "1s"},
            }
        },
        "batch": "10%",
        "floor": "0%",
    }
    path = folder / f"of-{count}.yml"
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return path
