"""A private root for the machine's real apt and dpkg, and a repository for it: packages are installed for true."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from takeoff.fleet.commands.command import HostCommand

POSTINST = """#!/bin/sh
set -e
[ ! -e "$DPKG_ROOT/fail-postinst" ] || exit 1
if [ -e "$DPKG_ROOT/etc/gitlab/skip-auto-reconfigure" ]; then echo "found the skip file"; exit 0; fi
echo reconfigured >>"$DPKG_ROOT/reconfigured"
"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Repository:
    """An apt repository on a loopback port, with one package in several versions.

    Attributes:
        requests: paths of the files that were asked for.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.requests: list[str] = []
        requests = self.requests

        class Handler(_Quiet):
            def do_GET(self) -> None:
                requests.append(self.path)
                # Dates have seconds, and a test publishes twice within one.
                del self.headers["If-Modified-Since"]
                super().do_GET()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def publish(self, version: str, content: str = "") -> str:
        """Build a package, index it, and return its SHA256."""
        tree = self.folder / "tree"
        (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
        (tree / "opt/gitlab").mkdir(parents=True, exist_ok=True)
        (tree / "opt/gitlab/version").write_text(f"{version}{content}\n")
        (tree / "DEBIAN/control").write_text(
            f"Package: gitlab-ee\nVersion: {version}\nArchitecture: all\nMaintainer: lab <lab@lab.invalid>\n"
            "Description: a package\n"
        )
        script = tree / "DEBIAN/postinst"
        script.write_text(POSTINST)
        script.chmod(0o755)
        name = f"gitlab-ee_{version.replace(':', '%3a')}_all.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, self.folder / name],
            check=True,
            capture_output=True,
        )
        self._index()
        return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()

    def _index(self) -> None:
        stanzas = []
        for file in sorted(self.folder.glob("*.deb")):
            control = subprocess.run(["dpkg-deb", "-f", file], check=True, capture_output=True, text=True).stdout
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            stanzas.append(f"{control}Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n")
        (self.folder / "Packages").write_text("\n".join(stanzas))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class DebianRoot:
    """A folder in which apt and dpkg work as on a host of its own."""

    def __init__(self, folder: Path, repository: Repository) -> None:
        self.folder = folder
        for each in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/lib/dpkg/info",
                     "var/lib/dpkg/updates", "var/cache/apt/archives/partial", "var/log/apt"):  # fmt: skip
            (folder / each).mkdir(parents=True)
        (folder / "var/lib/dpkg/status").touch()
        (folder / "etc/apt/sources.list").write_text(f"deb [trusted=yes] {repository.url} ./\n")
        (folder / "apt.conf").write_text(
            f'Dir "{folder}/";\nDir::State::status "{folder}/var/lib/dpkg/status";\nAPT::Sandbox::User "root";\n'
            f'DPkg::Options {{ "--root={folder}"; "--force-not-root"; "--force-script-chrootless"; }};\n'
            'Acquire::Languages "none";\nAPT::Architecture "amd64";\nDPkg::Use-Pty "0";\n'
        )
        self.environment = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",  # an ordinary user has none of dpkg's programs there
            "TAKEOFF_HOST_ROOT": str(folder),
            "APT_CONFIG": str(folder / "apt.conf"),
            "DPKG_ROOT": str(folder),
            "DPKG_FORCE": "not-root,script-chrootless,downgrade",
        }

    def run(self, command: HostCommand, shell: str = "dash") -> subprocess.CompletedProcess[str]:
        """Run a command as a host does."""
        return subprocess.run(
            [shell, "-c", command.script, "takeoff", *command.arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=100,
        )

    def apt(self, *words: str) -> str:
        return subprocess.run(words, env=self.environment, check=True, capture_output=True, text=True).stdout

    @property
    def installed(self) -> str:
        """Status and version of the package, as dpkg has them."""
        form = "-f=${db:Status-Abbrev}${Version}"
        done = subprocess.run(
            ["dpkg-query", "-W", form, "gitlab-ee"], env=self.environment, capture_output=True, text=True
        )
        return done.stdout

    @property
    def skip_file(self) -> Path:
        return self.folder / "etc/gitlab/skip-auto-reconfigure"

    @property
    def reconfigured(self) -> bool:
        """Whether the package ever reconfigured itself."""
        return (self.folder / "reconfigured").exists()

    @property
    def cached(self) -> list[Path]:
        return sorted((self.folder / "var/cache/apt/archives").glob("*.deb"))
