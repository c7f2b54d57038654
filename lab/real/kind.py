"""The lab kind ``real``: hosts with a root file system, sshd, apt and dpkg of their own, on Linux with root."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import asyncssh
from filelock import FileLock
from pysequoia import Profile, Tsk

from lab import host_files as common
from lab.kind import Fault, HostResult
from lab.ports import free_ports
from lab.real import namespaces, network
from lab.real.addresses import SERVICES, Addresses
from lab.real.disk import Disk
from lab.real.faults import real_faults
from lab.real.fleet import Fleet
from lab.real.image import build_images, cache_folder
from lab.real.machine import prepare_machine
from lab.real.servers import alerts, balancer, database, repository
from lab.real.servers.files import NodeFile, NodeFiles
from lab.services import READY_PATHS, Services
from lab.spawn import answers, wait_until
from lab.state import Endpoint, HostRecord, LabError, LabRecord, LabState, end_processes, write_file

_LISTEN = Endpoint(address="0.0.0.0", port=80)  # noqa: S104 - in the host's own network

_PACKAGE_PATHS = ("opt", "usr", "var/cache", "var/lib/apt", "var/lib/dpkg", "var/log/apt", "var/log/dpkg.log")


class RealKind:
    """See :class:`lab.kind.LabKind`, whose contract this keeps."""

    name = "real"

    def __init__(self, state: LabState) -> None:
        self._state = state

    def start(self, record: LabRecord) -> LabRecord:
        """Bring everything up; what runs already stays as it is."""
        prepare_machine()
        build_images()
        with FileLock(cache_folder() / "addresses.lock"):  # two labs that start at once choose different addresses
            if not record.hosts:
                record = self._plan(record, network.free_subnet())
            self._state.write(record)
            fleet = self.fleet = self._make_fleet(record)
            fleet.ensure_network()
        self._make_disks(fleet, record)
        fleet.boot(fleet.addresses.names)
        database.create(fleet, "gitlabhq_production")
        self.repository.create()
        self._await_servers(record, fleet.addresses)
        return record

    def stop(self, record: LabRecord) -> None:
        """End the lab's processes, and with them its mounts, namespaces and cables."""
        end_processes(record.processes)
        network.unplug_machine(self._state.folder)
        namespaces.kill_all(self._state.folder)

    def run(self, host: str, script: str, timeout_seconds: float = 120) -> HostResult:
        """Run a script on a machine without SSH."""
        return self.fleet.run(self._known(host), script, timeout_seconds)

    def power_off(self, host: str) -> None:
        """End every process of the machine at once."""
        self.fleet.power_off(self._known(host))

    def power_on(self, host: str) -> None:
        """Boot the machine."""
        self.fleet.boot([self._known(host)])

    def faults(self) -> Mapping[str, Fault]:
        """Faults that need a real host."""
        return real_faults(self.fleet)

    def copy_package(self, source: str, hosts: Sequence[str]) -> bool:
        """Copy what installing it left: a fraction of the time that dpkg takes on each host."""
        self.fleet.copy(source, _PACKAGE_PATHS, hosts)
        return True

    @property
    def repository(self) -> repository.AptlyRepository:
        """Where versions are published."""
        return repository.AptlyRepository(self.fleet)

    @cached_property
    def fleet(self) -> Fleet:
        """The machines of the running lab."""
        return self._make_fleet(self._state.read())

    def _make_fleet(self, record: LabRecord) -> Fleet:
        return Fleet(self._state.folder, Addresses(record.layout, record.settings["subnet"]))

    def _known(self, name: str) -> str:
        if name not in (names := self.fleet.addresses.names):
            raise LabError(f"the lab has no host {name!r}; its hosts are {', '.join(names)}")
        return name

    def _plan(self, record: LabRecord, subnet: str) -> LabRecord:
        addresses = Addresses(record.layout, subnet)
        record.settings["subnet"] = subnet
        for name in record.layout.names:
            where = addresses.of(name)
            record.hosts[name] = HostRecord(
                ssh=Endpoint(address=where, port=22), http=Endpoint(address=where, port=_LISTEN.port)
            )
        first = addresses.of(record.layout.balancers[0])
        record.fronts = {role: Endpoint(address=first, port=port) for role, port in balancer.PORTS.items()}
        record.repository = repository.endpoint(addresses)
        record.alertmanager = alerts.alertmanager(addresses)
        record.database = database.endpoint(addresses)
        record.gitlab = Endpoint(address="127.0.0.1", port=free_ports(1)[0])
        record.gitlab_token = f"glpat-{secrets.token_hex(10)}"
        keys = self._state.folder / "keys"
        identity = asyncssh.generate_private_key("ssh-ed25519", comment="takeoff lab")
        write_file(keys / "id_ed25519", identity.export_private_key(), mode=0o600)
        write_file(keys / "id_ed25519.pub", identity.export_public_key())
        signer = Tsk.generate(user_id=repository.SIGNER, profile=Profile.RFC4880)
        write_file(keys / "repository.key", bytes(signer), mode=0o600)
        write_file(keys / "repository.gpg", bytes(signer.extract_certificate()))
        record.ssh_identity, record.known_hosts = str(keys / "id_ed25519"), str(keys / "known_hosts")
        record.repository_keyring = str(keys / "repository.gpg")
        return record

    def _make_disks(self, fleet: Fleet, record: LabRecord) -> None:
        """Lay out the disks of machines that have none, and note every host key."""
        addresses = fleet.addresses
        table = "127.0.0.1 localhost\n" + "".join(f"{addresses.of(name)} {name}\n" for name in addresses.names)
        common = {
            "etc/hosts": NodeFile(table),
            "home/takeoff/.ssh/authorized_keys": NodeFile(Path(f"{record.ssh_identity}.pub").read_bytes(), mode=0o600),
        }
        known = []
        for name in addresses.names:
            disk = Disk(fleet.disk_folder(name))
            if not disk.exists:
                disk.make(name, {**common, **self._files(addresses, record, name)})
            known.append(f"{addresses.of(name)} {disk.host_key}\n")
        write_file(Path(record.known_hosts), "".join(known).encode())

    def _files(self, addresses: Addresses, record: LabRecord, name: str) -> NodeFiles:
        if name == SERVICES:
            key = (self._state.folder / "keys/repository.key").read_bytes()
            return {**database.files(addresses), **repository.files(key), **alerts.files(addresses)}
        if name in record.layout.balancers:
            return balancer.files(record)
        return host_files(record, addresses, name)

    def _await_servers(self, record: LabRecord, addresses: Addresses) -> None:
        Services(self._state).start_one(record, "gitlab")
        waited = {
            "Alertmanager": (alerts.alertmanager(addresses), "/-/ready"),
            "Prometheus": (alerts.prometheus(addresses), "/-/ready"),
            "the repository": (repository.endpoint(addresses), READY_PATHS["repository"]),
        }
        for name, (endpoint, path) in waited.items():
            wait_until(functools.partial(answers, endpoint, path), name, Path(f"/var/log of the node {SERVICES}"))
        if record.gitlab:
            log = self._state.path("log", "gitlab.log")
            wait_until(functools.partial(answers, record.gitlab, READY_PATHS["gitlab"]), "GitLab", log)


def host_files(record: LabRecord, addresses: Addresses, name: str) -> NodeFiles:
    """What a host that Takeoff deploys to has on its disk beside its identity."""
    at = database.endpoint(addresses)
    configuration = common.gitlab_rb(record.layout.host(name), _LISTEN, at.address, at.port)
    return {
        "etc/gitlab/gitlab.rb": NodeFile(configuration, mode=0o600),
        common.SOURCES_LIST[1:]: NodeFile(common.sources_list(repository.endpoint(addresses))),
        common.KEYRING[1:]: NodeFile(Path(record.repository_keyring).read_bytes()),
    }
