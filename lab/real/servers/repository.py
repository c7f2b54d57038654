"""The package repository: aptly keeps, indexes and signs it, nginx serves it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from lab.application.package import NAME, build_package
from lab.kind import HostResult
from lab.real.addresses import SERVICES, Addresses
from lab.real.fleet import Fleet
from lab.real.servers.files import NodeFile, NodeFiles, service
from lab.repository import COMPONENT, SUITE
from lab.state import Endpoint, LabError

PORT = 80
SIGNER = "Takeoff lab <repository@takeoff.invalid>"
"""User id of the signing key."""

_FOLDER = "/var/lib/aptly"
PUBLIC = f"{_FOLDER}/public"
"""What nginx serves."""
FAULTS = "/etc/nginx/faults"
"""Files here are part of nginx' configuration of the repository."""
_NAME = "lab"
_KEY_FILE = "/root/repository.key"
_HOME = f"{_FOLDER}/gnupg"

_NGINX = f"""\
daemon off;
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr;
events {{ worker_connections 4000; }}
http {{
    access_log off;
    sendfile on;
    server {{
        listen {PORT} backlog=1024;
        root {PUBLIC};
        include {FAULTS}/*.conf;
    }}
}}
"""

_RUN = f"""\
mkdir -p {FAULTS} /var/lib/nginx
exec nginx -c /etc/nginx/lab.conf
"""

_CREATE = f"""
set -eu
export GNUPGHOME={_HOME}
[ ! -e {_FOLDER}/created ] || exit 0
rm -rf {_FOLDER} && install -d -m 755 {_FOLDER} && install -d -m 700 $GNUPGHOME
gpg --batch --quiet --import {_KEY_FILE}
aptly -config=/etc/aptly.conf repo create -distribution={SUITE} -component={COMPONENT} {_NAME} >/dev/null
aptly -config=/etc/aptly.conf publish repo -batch -architectures=amd64 {_NAME} >/dev/null
touch {_FOLDER}/created
"""

_UPDATE = f"aptly -config=/etc/aptly.conf publish update -batch {SUITE}"


def endpoint(addresses: Addresses) -> Endpoint:
    """Where hosts fetch packages."""
    return Endpoint(address=addresses.of(SERVICES), port=PORT)


def files(secret_key: bytes) -> NodeFiles:
    """Configuration of aptly and nginx, nginx' service, and the key that signs."""
    aptly = {"rootDir": _FOLDER, "architectures": ["amd64"], "gpgProvider": "gpg", "skipContentsPublishing": True}
    return {
        "etc/aptly.conf": NodeFile(json.dumps(aptly)),
        "etc/nginx/lab.conf": NodeFile(_NGINX),
        _KEY_FILE[1:]: NodeFile(secret_key, mode=0o600),
        **service("nginx", _RUN),
    }


class AptlyRepository:
    """Publishes the application's packages in the repository of a running lab."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def create(self) -> None:
        """Import the key and make the empty repository, unless they are there."""
        self._run(_CREATE)

    def publish(self, version: str, size_bytes: int = 0) -> Path:
        """Build a version of the application, add it and sign a new index; the same version again is a no-op.

        Returns:
            The package's file on this machine.

        Raises:
            ValueError: the version does not begin with two numbers.
            LabError: aptly refused.
        """
        built = self._fleet.folder / "packages"
        built.mkdir(exist_ok=True)
        package = built / f"{NAME}_{version}_amd64.deb"
        if version not in self.versions():
            package = build_package(version, built, size_bytes)
            self._hand_over(package)
            added = f"aptly -config=/etc/aptly.conf repo add -remove-files {_NAME} /var/tmp/{shlex.quote(package.name)}"
            self._run(f"set -e\nexport GNUPGHOME={_HOME}\n{added}\n{_UPDATE}\n")
        return package

    def withdraw(self, version: str) -> None:
        """Take a version out of the repository; one that is not there is a no-op."""
        query = shlex.quote(f"{NAME} (= {version})")
        self._run(
            f"set -e\nexport GNUPGHOME={_HOME}\naptly -config=/etc/aptly.conf repo remove {_NAME} {query}\n{_UPDATE}\n"
        )

    def versions(self) -> list[str]:
        """The published versions, in no particular order."""
        listed = self._run(
            f"aptly -config=/etc/aptly.conf repo search -format='{{{{.Version}}}}' {_NAME} {NAME} || true"
        )
        return [line for line in listed.output.splitlines() if line[:1].isdigit()]

    def _hand_over(self, package: Path) -> None:
        """Copy the package into the services node, through its own root: the layer under it must not be written to."""
        if not (process := self._fleet.process(SERVICES)):
            raise LabError(f"the node {SERVICES} is off; bring the lab up with `python -m lab up`")
        Path(f"/proc/{process.pid}/root/var/tmp/{package.name}").write_bytes(package.read_bytes())

    def _run(self, script: str) -> HostResult:
        done = self._fleet.run(SERVICES, script, timeout_seconds=60)
        if done.status:
            raise LabError(f"the repository on {SERVICES} failed: {done.output.strip()}")
        return done
