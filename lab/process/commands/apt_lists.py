"""apt's sources and package lists: read from the host's files, fetched over HTTP, accepted only when rightly signed."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lab.process.commands import ROOT
from lab.process.commands.dpkg_status import Stanza, parse_stanzas

LISTS = f"{ROOT}/var/lib/apt/lists"
TIMEOUT_SECONDS = 30


class FetchError(Exception):
    """A file could not be fetched; the text is apt's."""


class SignatureError(Exception):
    """An index is not signed by a key that the source names; the text is apt's."""


@dataclass(frozen=True)
class Source:
    """One ``deb`` line.

    Attributes:
        keyring: path of the key that must have signed it, on the host.
    """

    url: str
    suite: str
    component: str
    keyring: str

    @property
    def list_path(self) -> str:
        """Where the accepted Packages file is kept."""
        name = re.sub(r"^\w+://", "", f"{self.url}/dists/{self.suite}/{self.component}/binary-amd64/Packages")
        return f"{LISTS}/{name.replace('/', '_')}"


@dataclass(frozen=True)
class Candidate:
    """One version of a package in one source."""

    stanza: Stanza
    source: Source


def read_sources(options: dict[str, str]) -> list[Source]:
    """Read sources.list and sources.list.d, or what ``Dir::Etc::sourcelist`` and ``sourceparts`` narrow them to."""
    folder = f"{ROOT}/etc/apt"
    main = options.get("dir::etc::sourcelist", "sources.list")
    parts = options.get("dir::etc::sourceparts", "sources.list.d")
    paths = [_host_path(folder, main)] if main not in ("-", "/dev/null") else []
    if parts not in ("-", "/dev/null", ""):
        directory = _host_path(folder, parts)
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        paths += [f"{directory}/{name}" for name in names if name.endswith(".list")]
    sources = []
    for path in dict.fromkeys(paths):
        if os.path.isfile(path):
            with open(path) as stream:
                sources += [source for line in stream if (source := _parse(line))]
    return sources


def update(source: Source) -> int:
    """Fetch and accept one source's list; its size in bytes.

    Raises:
        FetchError: the repository does not answer, or what it sends does not fit its own index.
        SignatureError: the index is not signed as the source demands.
    """
    base = f"{source.url}/dists/{source.suite}"
    release = _verify(source, b"".join(fetch(f"{base}/InRelease")))
    name = f"{source.component}/binary-amd64/Packages.gz"
    match = re.search(rf"^ ([0-9a-f]{{64}}) +(\d+) {re.escape(name)}$", release, re.MULTILINE)
    if not match:
        raise FetchError(
            f"Unable to find expected entry '{name}' in Release file (Wrong sources.list entry or malformed file)"
        )
    packed = b"".join(fetch(f"{base}/{name}"))
    if hashlib.sha256(packed).hexdigest() != match[1]:
        raise FetchError(
            f"File has unexpected size ({len(packed)} != {match[2]}). Mirror sync in progress? [IP: 127.0.0.1]"
        )
    os.makedirs(LISTS, exist_ok=True)
    with open(f"{source.list_path}.new", "wb") as stream:
        stream.write(gzip.decompress(packed))
    os.replace(f"{source.list_path}.new", source.list_path)
    return len(packed)


def candidates(package: str, sources: list[Source]) -> list[Candidate]:
    """Every known version of a package, newest first."""
    found = []
    for source in sources:
        if os.path.exists(source.list_path):
            with open(source.list_path) as stream:
                found += [
                    Candidate(each, source) for each in parse_stanzas(stream.read()) if each["Package"] == package
                ]
    if len(found) > 1:
        from debian.debian_support import Version

        found.sort(key=lambda each: Version(each.stanza["Version"]), reverse=True)
    return found


def fetch(url: str) -> Iterator[bytes]:
    """Yield a file's content piece by piece.

    Raises:
        FetchError: no connection, no answer in time, an HTTP error, or an end before the announced length.
    """
    from http.client import HTTPConnection, HTTPException, IncompleteRead
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    where = f"{parts.hostname}:{parts.port or 80}"
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", parts.path, headers={"User-Agent": "Debian APT-HTTP/1.3 (2.6.1)"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise FetchError(f"{answer.status}  {answer.reason} [IP: {parts.hostname} {parts.port or 80}]")
        while piece := answer.read(1 << 18):
            yield piece
        if answer.length:
            raise IncompleteRead(b"", answer.length)
    except TimeoutError:
        raise FetchError(f"Connection timed out [IP: {parts.hostname} {parts.port or 80}]") from None
    except IncompleteRead:
        raise FetchError(f"Connection failed [IP: {parts.hostname} {parts.port or 80}]") from None
    except HTTPException as error:
        raise FetchError(f"The HTTP server sent an invalid reply header ({type(error).__name__})") from None
    except OSError as error:
        raise FetchError(
            f"Could not connect to {where} ({parts.hostname}). - connect ({error.errno}: {error.strerror})"
        ) from None
    finally:
        connection.close()


def _verify(source: Source, signed: bytes) -> str:
    """The text that the source's key signed."""
    from pysequoia import Cert, verify

    if b"-----BEGIN PGP SIGNED MESSAGE-----" not in signed:
        raise SignatureError("Clearsigned file isn't valid, got 'NOSPLIT' (does the network require authentication?)")
    try:
        certificate = Cert.from_file(ROOT + source.keyring)
    except Exception:  # pysequoia raises bare Exceptions of its own
        raise SignatureError(
            "The following signatures couldn't be verified because the public key is not available: NO_PUBKEY"
        ) from None
    try:
        return (verify(bytes=signed, store=lambda _ids: [certificate]).bytes or b"").decode()
    except RuntimeError:
        raise SignatureError(
            f"The following signatures were invalid: BADSIG {certificate.fingerprint[-16:].upper()}"
        ) from None


def _parse(line: str) -> Source | None:
    match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(\S+)", line.split("#")[0])
    if not match:
        return None
    keyring = re.search(r"signed-by=(\S+)", match[1] or "")
    return Source(match[2].rstrip("/"), match[3], match[4], keyring[1].removeprefix(ROOT) if keyring else "")


def _host_path(folder: str, name: str) -> str:
    """A path from an option: relative to /etc/apt, absolute on the host, or already with the host's root before it."""
    if not name.startswith("/"):
        return f"{folder}/{name}"
    return name if ROOT and name.startswith(ROOT) else ROOT + name
