"""Real apt repositories for tests: packages by dpkg-deb, indexes by apt-ftparchive or aptly, signatures by GnuPG."""

from __future__ import annotations

import functools
import gzip
import json
import lzma
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

SUITE = "jammy"


def needs(*tools: str) -> pytest.MarkDecorator:
    """Skip where a tool is missing; ``tests/debian-packages.txt`` says which package brings it."""
    missing = [tool for tool in tools if shutil.which(tool) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def run(*command: str, cwd: Path | None = None, home: Path | None = None) -> bytes:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"} | ({"GNUPGHOME": str(home)} if home else {})
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout


@dataclass(frozen=True)
class Keys:
    """Signing keys in a GnuPG home: ``trusted`` and ``expired`` are in the keyring, ``stranger`` is not."""

    home: Path

    @classmethod
    def make(cls, home: Path) -> Keys:
        home.mkdir(mode=0o700, exist_ok=True)
        keys = cls(home)
        for name, born, life in (
            ("trusted", None, "10y"),
            ("stranger", None, "10y"),
            ("expired", "20200101T000000!", "1y"),
        ):
            keys.gpg("--quick-gen-key", f"{name} <{name}@takeoff.invalid>", "ed25519", "sign", life, time=born)
        keys.keyring.write_bytes(keys.gpg("--armor", "--export", "trusted", "expired"))
        (home / "binary.gpg").write_bytes(keys.gpg("--export", "trusted"))
        return keys

    @property
    def keyring(self) -> Path:
        return self.home / "keyring.asc"

    def gpg(self, *arguments: str, time: str | None = None) -> bytes:
        at = ("--faked-system-time", time) if time else ()
        return run(
            "gpg",
            "--batch",
            "--yes",
            "--passphrase",
            "",
            "--pinentry-mode",
            "loopback",
            *at,
            *arguments,
            home=self.home,
        )

    def clearsign(self, text: bytes, name: str = "trusted") -> bytes:
        return self._sign("--clearsign", text, name)

    def detached(self, text: bytes, name: str = "trusted") -> bytes:
        return self._sign("--detach-sign", text, name)

    def _sign(self, how: str, text: bytes, name: str) -> bytes:
        (self.home / "text").write_bytes(text)
        time = "20200601T000000!" if name == "expired" else None
        return self.gpg("--armor", "--local-user", name, "--output", "-", how, str(self.home / "text"), time=time)

    def stop(self) -> None:
        run("gpgconf", "--homedir", str(self.home), "--kill", "all")


@functools.cache
def _deb(folder: Path, name: str, version: str, architecture: str) -> Path:
    tree = folder / f"{name}_{version}_{architecture}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n"
        "Maintainer: nobody <nobody@takeoff.invalid>\nDescription: a package for tests\n"
    )
    package = folder / f"{tree.name}.deb"
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(package))
    return package


@dataclass(frozen=True)
class Archive:
    """A repository made with apt-ftparchive in ``root``, which a web server serves."""

    root: Path
    keys: Keys
    build: Path

    def add(
        self, version: str, *, name: str = "gitlab-ee", architecture: str = "amd64", component: str = "main"
    ) -> None:
        """Put a package into the pool."""
        pool = self.root / "pool" / component
        pool.mkdir(parents=True, exist_ok=True)
        shutil.copy(_deb(self.build, name, version, architecture), pool)

    def index(
        self,
        *,
        suite: str = SUITE,
        component: str = "main",
        architecture: str = "amd64",
        forms: tuple[str, ...] = ("", ".gz", ".xz"),
        more: bytes = b"",
    ) -> None:
        """Write the index of the pool in these forms, by apt-ftparchive; ``more`` is put after it."""
        folder = self.root / "dists" / suite / component / f"binary-{architecture}"
        folder.mkdir(parents=True, exist_ok=True)
        text = run("apt-ftparchive", "-a", architecture, "packages", f"pool/{component}", cwd=self.root) + more
        pack = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}
        for form in forms:
            (folder / f"Packages{form}").write_bytes(pack[form](text))

    def release(self, *, suite: str = SUITE, by_hash: bool = False, more: str = "") -> bytes:
        """Write the Release file of a suite by apt-ftparchive, and copy the indexes under their hashes if wanted."""
        folder = self.root / "dists" / suite
        for old in ("Release", "Release.gpg", "InRelease"):
            (folder / old).unlink(missing_ok=True)
        options = {"Suite": suite, "Codename": suite} | ({"Acquire-By-Hash": "yes"} if by_hash else {})
        settings = [
            part for name, value in options.items() for part in ("-o", f"APT::FTPArchive::Release::{name}={value}")
        ]
        text = more.encode() + run("apt-ftparchive", *settings, "release", str(folder))
        if by_hash:
            for file in list(folder.glob("*/binary-*/Packages*")):
                place = file.parent / "by-hash/SHA256"
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place / run("sha256sum", str(file)).split()[0].decode())
        return text

    def sign(self, text: bytes, *, suite: str = SUITE, key: str = "trusted", detached: bool = False) -> None:
        """Sign the Release file, inline or beside."""
        folder = self.root / "dists" / suite
        if detached:
            (folder / "Release").write_bytes(text)
            (folder / "Release.gpg").write_bytes(self.keys.detached(text, key))
        else:
            (folder / "InRelease").write_bytes(self.keys.clearsign(text, key))

    def settle(self) -> None:
        """Make all files look a minute old."""
        for file in self.root.rglob("*"):
            os.utime(file, (time.time() - 60,) * 2)

    def publish(self, *versions: str, by_hash: bool = False) -> None:
        """Put versions into the pool and sign a new index of it."""
        for version in versions:
            self.add(version)
        self.index()
        self.sign(self.release(by_hash=by_hash))


def publish_with_aptly(root: Path, keys: Keys, build: Path, *versions: str) -> Path:
    """Publish versions with aptly, by hash too; returns the folder to serve."""
    config = root / "aptly.conf"
    config.write_text(json.dumps({"rootDir": str(root), "gpgDisableVerify": True, "architectures": ["amd64"]}))
    aptly = functools.partial(run, "aptly", f"-config={config}", home=keys.home)
    aptly("repo", "create", f"-distribution={SUITE}", "-component=main", "gitlab-ee")
    for version in versions:
        aptly("repo", "add", "gitlab-ee", str(_deb(build, "gitlab-ee", version, "amd64")))
    aptly("publish", "repo", "-batch", "-acquire-by-hash", "-gpg-key=trusted@takeoff.invalid", "gitlab-ee")
    return root / "public"
