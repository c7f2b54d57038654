"""Reads one package's stanzas out of an apt index of any size, in bounded memory."""

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Iterator
from typing import BinaryIO, cast

from debian.deb822 import Deb822

from takeoff.core.candidates import Candidate, Holdings, PassedOver
from takeoff.core.errors import VersionError
from takeoff.core.versions import PackageVersion

CHUNK_BYTES = 1 << 20
LONGEST_STANZA = 4 << 20
"""Bytes; one of Debian's longest has 200 kB."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class IndexDamaged(ValueError):
    """The index cannot be unpacked, or is no list of stanzas."""


def unpacked(file: BinaryIO, path: str) -> BinaryIO:
    """Open a downloaded index for reading without its compression, which its name tells."""
    if path.endswith(".xz"):
        return cast(BinaryIO, lzma.open(file))
    return cast(BinaryIO, gzip.open(file)) if path.endswith(".gz") else file


def stanzas(index: BinaryIO, package: str, *, limit: int) -> Iterator[bytes]:
    """Yield the stanzas of one package.

    A parser of every stanza would take more time than apt does; searching for the one name does not.

    Args:
        index: the index without compression.
        package: name of the package.
        limit: bytes that are too many.

    Raises:
        IndexDamaged: it cannot be unpacked, is longer than ``limit``, or has a stanza without end.
    """
    needle = f"\nPackage: {package}\n".encode()
    rest, total = b"\n", 0
    try:
        while chunk := index.read(CHUNK_BYTES):
            total += len(chunk)
            if total > limit:
                raise IndexDamaged(f"it unpacks to more than the {limit} bytes that it should have")
            block = rest + chunk
            end = block.rfind(b"\n\n")
            if end < 0:
                if len(block) > LONGEST_STANZA:
                    raise IndexDamaged("it has a stanza without end")
                rest = block
                continue
            yield from _matching(block[: end + 1], needle)
            rest = block[end + 1 :]
    except (lzma.LZMAError, gzip.BadGzipFile, EOFError, OSError) as error:
        raise IndexDamaged(f"it cannot be unpacked: {error}") from error
    yield from _matching(rest + b"\n", needle)


def _matching(block: bytes, needle: bytes) -> Iterator[bytes]:
    position = 0
    while (found := block.find(needle, position)) >= 0:
        begin = max(block.rfind(b"\n\n", 0, found + 1), 0)
        position = block.find(b"\n\n", found + 1)
        if position < 0:
            position = len(block)
        yield block[begin:position].strip(b"\n")


def read_holdings(found: Iterator[bytes], *, package: str, distribution: str, source: str) -> Holdings:
    """Make candidates of stanzas; one whose version or hash cannot be read is passed over for that reason."""
    candidates, unreadable = [], []
    for stanza in found:
        fields = Deb822(stanza.decode("utf-8", "replace"))
        text, digest = str(fields.get("Version", "")), str(fields.get("SHA256", "")).lower()
        try:
            version = PackageVersion.parse(text)
        except VersionError as error:
            unreadable.append(PassedOver(text[:80], None, f"cannot be read: {error}"))
            continue
        size = str(fields.get("Size", ""))
        if not _SHA256.fullmatch(digest) or not size.isdecimal():
            unreadable.append(PassedOver(text, version.kind, f"has no SHA256 and size in the index of {source}"))
            continue
        candidates.append(
            Candidate(
                name=package,
                version=version,
                distribution=distribution,
                architecture=str(fields.get("Architecture", "all")),
                sha256=digest,
                size=int(size),
                source=source,
                filename=str(fields.get("Filename", "")),
            )
        )
    return Holdings(tuple(candidates), tuple(unreadable))
