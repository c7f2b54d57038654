"""An apt repository's Release file: which indexes there are, their hashes, and until when it may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from debian.deb822 import Release as ReleaseStanza

from takeoff.core.errors import SourceUnavailable, SourceUntrusted

COMPRESSIONS = (".xz", ".gz", "")
"""Forms of an index that are read, best first."""


@dataclass(frozen=True)
class IndexEntry:
    """One line of the Release file.

    Attributes:
        path: below the suite's folder: ``main/binary-amd64/Packages.xz``.
        size: bytes.
        sha256: hex digest.
        unpacked_size: bytes of the index without compression; ``None`` if not told.
    """

    path: str
    size: int
    sha256: str
    unpacked_size: int | None = None

    @property
    def by_hash(self) -> str:
        """Where the file is kept under its hash, so that a change of the repository cannot swap it."""
        return f"{self.path.rpartition('/')[0]}/by-hash/SHA256/{self.sha256}"


@dataclass(frozen=True)
class ReleaseFile:
    """What a Release file says.

    Attributes:
        name: what to call it in messages.
        files: path → entry, from its SHA256 list.
        by_hash: whether indexes are offered by hash too.
        valid_until: when it ends to be valid, if it does.
    """

    name: str
    files: dict[str, IndexEntry]
    by_hash: bool
    valid_until: datetime | None

    @classmethod
    def parse(cls, text: bytes, name: str, source: str) -> ReleaseFile:
        """Read the signed text.

        Raises:
            SourceUntrusted: it is no Release file, or has no SHA256 list.
        """
        stanza = ReleaseStanza(text.decode("utf-8", "replace"))
        try:
            lines = {str(line["name"]): (int(line["size"]), str(line["sha256"])) for line in stanza["SHA256"]}
            files = {path: IndexEntry(path, size, digest) for path, (size, digest) in lines.items()}
            until = parsedate_to_datetime(stanza["Valid-Until"]) if "Valid-Until" in stanza else None
        except (KeyError, ValueError, TypeError) as error:
            raise SourceUntrusted(
                source, f"{name} is signed but no Release file with a SHA256 list and readable dates ({error})"
            ) from error
        return cls(name, files, str(stanza.get("Acquire-By-Hash", "")).strip().lower() == "yes", until)

    def check_valid(self, now: datetime, source: str) -> None:
        """Check that it may be believed still.

        Raises:
            SourceUntrusted: its ``Valid-Until`` has passed.
        """
        if self.valid_until is not None and self.valid_until < now:
            raise SourceUntrusted(
                source,
                f"{self.name} was valid until {self.valid_until:%Y-%m-%d %H:%M} UTC: an old copy is served, or the "
                "repository is not maintained any more",
            )

    def index(self, component: str, architecture: str, source: str) -> IndexEntry:
        """Find the index of a component and architecture, in the best form that is offered.

        Raises:
            SourceUnavailable: the repository has none; what it has is named.
        """
        base = f"{component}/binary-{architecture}/Packages"
        for suffix in COMPRESSIONS:
            if (entry := self.files.get(base + suffix)) is not None:
                plain = self.files.get(base)
                return IndexEntry(entry.path, entry.size, entry.sha256, plain.size if plain else None)
        there = sorted({path.rpartition("/")[0] for path in self.files if "/binary-" in path and "by-hash" not in path})
        raise SourceUnavailable(
            source, f"{self.name} lists no {base} as .xz, .gz or plain; it has {', '.join(there) or 'no index at all'}"
        )
