"""The lab kind ``process``: hosts without root, on any machine with Python."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncssh

from lab import host_files
from lab.balancer import haproxy_configuration
from lab.kind import Fault, HostResult
from lab.layout import BALANCED_ROLES
from lab.ports import free_ports
from lab.process.command_folder import make_command_folder
from lab.process.database import start_database, stop_database
from lab.process.host import ProcessHost, kill_processes_of, open_host, processes_with
from lab.repository import Repository
from lab.services import Services
from lab.spawn import DEFAULT_SIGNALS, FOLDER, module_command, spawn, wait_until
from lab.state import (
    Endpoint,
    HostRecord,
    LabError,
    LabRecord,
    LabState,
    end_processes,
    kill_processes,
    running,
    write_file,
)

LOOPBACK = "127.0.0.1"


class ProcessKind:
    """See :class:`lab.kind.LabKind`, whose contract this keeps."""

    name = "process"

    def __init__(self, state: LabState) -> None:
        self._state = state
        self._services = Services(state)

    def start(self, record: LabRecord) -> LabRecord:
        """Bring everything up; what runs already stays as it is."""
        if not record.hosts:
            record = self._plan(record)
        self._state.write(record)
        with ThreadPoolExecutor(2) as pool:
            database = pool.submit(start_database, self._state.folder / "database")
            make_command_folder(self._state.folder / "commands")
            for name in record.hosts:
                self._host(record, name).create()
            self._make_keys(record)
            self._services.start(record)
            record.database = database.result()
        for spec in record.layout.hosts:
            self._write_host_files(record, spec.name)
        for name in record.layout.balancers:
            self._write_balancer_files(record, name)
        self._state.write(record)
        self._start_ssh(record)
        for name in record.layout.names:
            if self._modes(record).get(name) != "off":
                self._boot(record, name)
        self._services.wait(record)
        return record

    def stop(self, record: LabRecord) -> None:
        """End the lab's processes, the hosts' own first."""
        ssh = [each for each in record.processes if each.name == "ssh"]
        end_processes(ssh)
        kill_processes_of([self._host(record, name) for name in record.hosts])
        end_processes([each for each in record.processes if each.name != "ssh"])
        kill_processes(processes_with(FOLDER, {str(self._state.folder)}))  # a start was killed before it noted them
        stop_database(self._state.folder / "database")

    def run(self, host: str, script: str, timeout_seconds: float = 120) -> HostResult:
        """Run a script on a host without SSH."""
        target = self._host(self._state.read(), host)
        result = subprocess.run(
            [*DEFAULT_SIGNALS, "/bin/sh", "-c", script],
            cwd=target.root,
            env=target.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_seconds,
            check=False,
            start_new_session=True,
        )
        return HostResult(result.returncode, result.stdout.decode(errors="replace"))

    def power_off(self, host: str) -> None:
        """Nobody listens any more, and every process of the host is gone."""
        record = self._state.read()
        self._order(record, host, "mode", "off")
        kill_processes_of([self._host(record, host)])

    def power_on(self, host: str) -> None:
        """Boot the host."""
        record = self._state.read()
        if self._modes(record).get(host) == "off":
            target = self._host(record, host)
            shutil.rmtree(target.root / "run", ignore_errors=True)
            target.create()
            self._order(record, host, "mode", "up")
            self._boot(record, host)

    def copy_package(self, source: str, hosts: Sequence[str]) -> bool:
        """Every host installs it itself."""
        return False

    @property
    def repository(self) -> Repository:
        """A folder that a server of the lab's own shows."""
        return self._services.repository

    def faults(self) -> Mapping[str, Fault]:
        """Faults of hosts and their SSH servers."""
        faults = (
            Fault("power", "the host is off: every process ended, nobody listens", True, self.power_off, self.power_on),
            Fault(
                "unreachable",
                "the host's SSH port refuses connections, and those there are end",
                True,
                self._mode("refuse"),
                self._mode("up"),
            ),
            Fault(
                "hang",
                "the host's SSH server takes connections and never answers",
                True,
                self._mode("hang"),
                self._mode("up"),
            ),
            Fault("host-key", "the host answers with another SSH host key", True, self._new_key, self._old_key),
        )
        return {fault.name: fault for fault in faults}

    def _plan(self, record: LabRecord) -> LabRecord:
        names = record.layout.names
        ports = iter(free_ports(2 * len(names) + len(BALANCED_ROLES) * len(record.layout.balancers) + 4, LOOPBACK))
        for name in names:
            record.hosts[name] = HostRecord(
                ssh=Endpoint(address=LOOPBACK, port=next(ports)),
                http=Endpoint(address=LOOPBACK, port=next(ports)),
                root=str(open_host(self._state, name, 0).root),
            )
        for number, name in enumerate(record.layout.balancers):
            for role in BALANCED_ROLES:
                where = Endpoint(address=LOOPBACK, port=next(ports))
                record.settings[f"front.{name}.{role}"] = str(where.port)
                if number == 0:
                    record.fronts[role] = where
        record.repository, record.alertmanager, record.gitlab = (
            Endpoint(address=LOOPBACK, port=next(ports)) for _ in range(3)
        )
        record.settings |= {"control_port": str(next(ports)), "control_token": secrets.token_hex(16)}
        return record

    def _make_keys(self, record: LabRecord) -> None:
        identity = self._state.path("ssh", "id_ed25519")
        if not identity.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment="takeoff lab")
            write_file(identity, key.export_private_key(), mode=0o600)
            write_file(identity.with_suffix(".pub"), key.export_public_key())
        lines = []
        for name, each in record.hosts.items():
            path = self._host(record, name).key
            if not path.exists():
                write_file(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key(), mode=0o600)
            public = asyncssh.read_private_key(path).export_public_key().decode().strip()
            lines.append(f"[{each.ssh.address}]:{each.ssh.port} {public}\n")
        known = self._state.path("ssh", "known_hosts")
        write_file(known, "".join(lines).encode())
        record.ssh_identity, record.known_hosts = str(identity), str(known)
        record.settings["authorized_keys"] = str(identity.with_suffix(".pub"))

    def _write_host_files(self, record: LabRecord, name: str) -> None:
        assert record.database
        assert record.repository
        root = self._host(record, name).root
        spec, http = record.layout.host(name), record.hosts[name].http
        text = host_files.gitlab_rb(spec, http, record.database.address, record.database.port)
        if not (root / "etc/gitlab/gitlab.rb").exists():  # what was changed on the host since stays
            write_file(root / "etc/gitlab/gitlab.rb", text.encode(), mode=0o600)
        write_file(root / host_files.SOURCES_LIST[1:], host_files.sources_list(record.repository).encode())
        write_file(root / host_files.KEYRING[1:], Path(record.repository_keyring).read_bytes())

    def _write_balancer_files(self, record: LabRecord, name: str) -> None:
        root = self._host(record, name).root
        fronts = {
            role: Endpoint(address=LOOPBACK, port=int(record.settings[f"front.{name}.{role}"]))
            for role in BALANCED_ROLES
        }
        for folder in ("run/haproxy", "var/lib/haproxy"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        # a socket's address holds about 100 characters: HAProxy gets a relative one and runs in the socket's folder
        text = haproxy_configuration(record, fronts, "unix@admin.sock", str(root / "var/lib/haproxy/state"))
        write_file(root / "etc/haproxy/haproxy.cfg", text.encode())

    def _start_ssh(self, record: LabRecord) -> None:
        if not any(each.name == "ssh" and running(each) for each in record.processes):
            command = module_command("lab.process.server", str(self._state.folder))
            self._remember(record, [spawn(self._state, "ssh", command, dict(os.environ))])
        log, process = self._state.path("log", "ssh.log"), record.processes[-1]
        wait_until(lambda: bool(self._modes(record)), "the hosts' SSH server", log, process=process)

    def _boot(self, record: LabRecord, name: str) -> None:
        """Start what an init would: the balancer, or the services of an installed package."""
        host = self._host(record, name)
        if name in record.layout.balancers:
            self._start_balancer(record, host)
        elif (host.root / "usr/bin/gitlab-ctl").exists():
            result = self.run(name, "gitlab-ctl start")
            if result.status:
                raise LabError(f"{name}: its services did not start: {result.output.strip()}")

    def _start_balancer(self, record: LabRecord, host: ProcessHost) -> None:
        name = f"haproxy-{host.name}"
        if any(each.name == name and running(each) for each in record.processes):
            return
        (host.root / "run/haproxy").mkdir(parents=True, exist_ok=True)
        configuration = str(host.root / "etc/haproxy/haproxy.cfg")
        real = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if real and not record.settings.get("stand_ins"):
            command = [real, "-db", "-f", configuration]
        else:
            command = module_command("lab.standins.haproxy", configuration)
        environment = host.environment()
        self._remember(record, [spawn(self._state, name, command, environment, cwd=host.root / "run/haproxy")])
        front = int(record.settings[f"front.{host.name}.web"])
        log = self._state.path("log", f"{name}.log")
        wait_until(lambda: _listens(front), f"HAProxy on {host.name}", log, process=record.processes[-1])

    def _remember(self, record: LabRecord, processes: list[Any]) -> None:
        names = {each.name for each in processes}
        record.processes = [each for each in record.processes if each.name not in names] + processes
        self._state.write(record)

    def _host(self, record: LabRecord, name: str) -> ProcessHost:
        if name not in record.hosts:
            raise LabError(f"the lab has no host {name!r}; its hosts are {', '.join(record.hosts)}")
        return open_host(self._state, name, record.hosts[name].http.port)

    def _mode(self, mode: str) -> Any:
        return lambda host: self._order(self._state.read(), host, "mode", mode)

    def _new_key(self, host: str) -> None:
        other = self._host(self._state.read(), host).key.with_name("other_host_key")
        if not other.exists():
            write_file(other, asyncssh.generate_private_key("ssh-ed25519").export_private_key(), mode=0o600)
        self._order(self._state.read(), host, "key", str(other))

    def _old_key(self, host: str) -> None:
        record = self._state.read()
        self._order(record, host, "key", str(self._host(record, host).key))

    def _modes(self, record: LabRecord) -> dict[str, str]:
        try:
            return dict(self._ask(record, {"action": "modes"})["modes"])
        except OSError:
            return {}

    def _order(self, record: LabRecord, host: str, action: str, value: str) -> None:
        self._host(record, host)
        try:
            answer = self._ask(record, {"action": action, "host": host, "value": value})
        except OSError as error:
            raise LabError(
                f"the hosts' SSH server does not answer ({error}); `python -m lab up` starts it again"
            ) from None
        if "error" in answer:
            raise LabError(f"{host}: the hosts' SSH server could not do it: {answer['error']}")

    def _ask(self, record: LabRecord, order: dict[str, str]) -> dict[str, Any]:
        address = (LOOPBACK, int(record.settings["control_port"]))
        with socket.create_connection(address, 10) as connection, connection.makefile("rw") as stream:
            stream.write(json.dumps({**order, "token": record.settings["control_token"]}) + "\n")
            stream.flush()
            return dict(json.loads(stream.readline() or "{}"))


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), 1).close()
        return True
    except OSError:
        return False
