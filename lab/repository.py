"""A signed apt repository as a folder: the pool of packages, and the indexes that are made anew from it."""

from __future__ import annotations

import gzip
import hashlib
import os
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from debian.debfile import DebFile
from pysequoia import Profile, SignatureMode, Tsk, sign

from lab.application.package import NAME, build_package
from lab.state import write_file

SUITE = "bookworm"
COMPONENT = "main"


class Repository:
    """The repository in one folder; whoever serves the folder over HTTP serves the repository.

    Attributes:
        folder: holds ``pool`` and ``dists``.
        keyring: the public key, in the binary form that ``signed-by=`` and gpgv take.
    """

    def __init__(self, folder: Path, key: Path) -> None:
        self.folder, self._key = folder, key
        self.keyring = key.with_suffix(".gpg")
        self._pool = folder / "pool" / COMPONENT / NAME[0] / NAME

    def publish(self, version: str, size_bytes: int = 0) -> Path:
        """Build a version of the application into the pool and sign a new index; the same version again is a no-op.

        Raises:
            ValueError: the version does not begin with two numbers.
        """
        self._pool.mkdir(parents=True, exist_ok=True)
        package = self._pool / f"{NAME}_{version}_amd64.deb"
        if not package.exists():
            build = self.folder / "build"
            build.mkdir(exist_ok=True)
            build_package(version, build, size_bytes).replace(package)
        self.index()
        return package

    def withdraw(self, version: str) -> None:
        """Take a version out of pool and index; one that is not there is a no-op."""
        (self._pool / f"{NAME}_{version}_amd64.deb").unlink(missing_ok=True)
        self.index()

    def versions(self) -> list[str]:
        """The published versions, in no particular order."""
        return [path.name.split("_")[1] for path in self._pool.glob("*.deb")]

    def index(self) -> None:
        """Write Packages, Packages.gz, Release, Release.gpg and InRelease; the signed file comes last."""
        stanzas = "".join(self._stanza(path) for path in sorted(self.folder.glob("pool/**/*.deb")))
        packages = stanzas.encode()
        binary = f"{COMPONENT}/binary-amd64"
        files = {f"{binary}/Packages": packages, f"{binary}/Packages.gz": gzip.compress(packages, mtime=0)}
        dist = self.folder / "dists" / SUITE
        for name, content in files.items():
            write_file(dist / name, content)
        now = format_datetime(datetime.now(UTC), usegmt=True).replace("GMT", "UTC")
        release = (
            f"Origin: Takeoff lab\nLabel: Takeoff lab\nSuite: {SUITE}\nCodename: {SUITE}\nDate: {now}\n"
            f"Architectures: amd64\nComponents: {COMPONENT}\nSHA256:\n"
            + "".join(f" {hashlib.sha256(body).hexdigest()} {len(body)} {name}\n" for name, body in files.items())
        ).encode()
        signer = self._signing_key().signer()
        signed = {
            dist / "Release": release,
            dist / "Release.gpg": sign(signer, release, mode=SignatureMode.DETACHED),
            dist / "InRelease": sign(signer, release, mode=SignatureMode.CLEAR),
        }
        # HTTP's Last-Modified knows whole seconds: what is signed twice within one would count as unchanged.
        moment = max(time.time(), max((path.stat().st_mtime for path in signed if path.exists()), default=0.0) + 1)
        for path, content in signed.items():
            write_file(path, content)
            os.utime(path, (moment, moment))

    def _signing_key(self) -> Tsk:
        if self._key.exists():
            return Tsk.from_bytes(self._key.read_bytes())
        key = Tsk.generate(user_id="Takeoff lab <repository@takeoff.invalid>", profile=Profile.RFC4880)
        write_file(self._key, bytes(key), mode=0o600)
        write_file(self.keyring, bytes(key.extract_certificate()))
        return key

    def _stanza(self, path: Path) -> str:
        content = path.read_bytes()
        control = str(DebFile(str(path)).debcontrol()).rstrip("\n")
        return (
            f"{control}\nFilename: {path.relative_to(self.folder)}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n\n"
        )
