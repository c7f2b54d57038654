"""What was read from a repository last time, kept in a folder of this machine, so that an unchanged one costs nothing.

It is a hint that may be lost at any moment: signature and validity of what it holds are checked at every use.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import BaseModel, ValidationError

from takeoff.core.candidates import Candidate, Holdings, PassedOver
from takeoff.core.package_settings import VersionKind
from takeoff.core.versions import PackageVersion

CACHE_VARIABLE = "TAKEOFF_CACHE"
"""Environment variable that names the folder; by default ``takeoff`` in the user's cache folder."""

log = logging.getLogger(__name__)


class RememberedBuild(BaseModel):
    """A candidate, or an entry that could not be read."""

    version: str
    architecture: str = ""
    sha256: str = ""
    size: int = 0
    filename: str = ""
    kind: VersionKind | None = None
    unreadable: str = ""


class RememberedIndex(BaseModel):
    """The stanzas of our package in one index, and which index it was."""

    sha256: str
    builds: list[RememberedBuild]

    @classmethod
    def of(cls, sha256: str, holdings: Holdings) -> RememberedIndex:
        """Keep what was read."""
        read = [
            RememberedBuild(
                version=one.version.text,
                architecture=one.architecture,
                sha256=one.sha256,
                size=one.size,
                filename=one.filename,
            )
            for one in holdings.candidates
        ]
        not_read = [RememberedBuild(version=o.version, kind=o.kind, unreadable=o.reason) for o in holdings.unreadable]
        return cls(sha256=sha256, builds=read + not_read)

    def holdings(self, *, package: str, distribution: str, source: str) -> Holdings:
        """Give it back as it was read."""
        candidates = [
            Candidate(
                package,
                PackageVersion.parse(one.version),
                distribution,
                one.architecture,
                sha256=one.sha256,
                size=one.size,
                source=source,
                filename=one.filename,
            )
            for one in self.builds
            if not one.unreadable
        ]
        unreadable = [PassedOver(one.version, one.kind, one.unreadable) for one in self.builds if one.unreadable]
        return Holdings(tuple(candidates), tuple(unreadable))


class RememberedSuite(BaseModel):
    """A suite's signed Release file as it came, and what was read with it.

    Attributes:
        validators: request headers that ask whether it has changed.
        document: the file, base64.
        signature: Release.gpg, base64; empty where the file is an InRelease.
        indexes: path → what was read from it.
    """

    validators: dict[str, str] = {}
    document: str = ""
    signature: str = ""
    indexes: dict[str, RememberedIndex] = {}

    @property
    def release(self) -> tuple[bytes, bytes]:
        """The file and its detached signature, as they came."""
        return base64.b64decode(self.document), base64.b64decode(self.signature)


class IndexMemory:
    """Keeps one file for each suite.

    Args:
        folder: made when first needed, for this user alone; without one nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @classmethod
    def of_this_user(cls) -> IndexMemory:
        """Use the folder that the environment names."""
        if named := os.environ.get(CACHE_VARIABLE):
            return cls(Path(named))
        cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return cls(Path(cache, "takeoff"))

    def recall(self, *key: str) -> RememberedSuite:
        """Give back what is kept under a key; an empty memory if that is nothing, or cannot be read."""
        if self._folder is None:
            return RememberedSuite()
        try:
            return RememberedSuite.model_validate_json(self._file(self._folder, key).read_bytes())
        except FileNotFoundError:
            return RememberedSuite()
        except (OSError, ValidationError) as error:
            log.warning("what was remembered of %s cannot be read (%s); all of it is asked again", key[0], error)
            return RememberedSuite()

    def keep(self, suite: RememberedSuite, *key: str) -> None:
        """Put it in place of what was kept; a folder that cannot be written only costs time."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with NamedTemporaryFile("w", dir=self._folder, prefix=".new-", delete=False) as new:
                new.write(suite.model_dump_json(exclude_defaults=True))
            Path(new.name).replace(self._file(self._folder, key))
        except OSError as error:
            log.warning("nothing can be remembered in %s: %s", self._folder, error)

    @staticmethod
    def _file(folder: Path, key: tuple[str, ...]) -> Path:
        name = hashlib.sha256("\n".join(key).encode()).hexdigest()
        return folder / f"{name[:32]}.json"
