"""A signed apt repository over HTTP(S), read as apt reads it: signature first, then only what that covers.

Formats: https://wiki.debian.org/DebianRepository/Format.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, cast

import requests

from takeoff.clients.download import PATIENCE, Document, Downloader, NotFound, Timeouts
from takeoff.clients.index_memory import IndexMemory, RememberedIndex, RememberedSuite
from takeoff.clients.openpgp import SignatureChecker, looks_like_html
from takeoff.clients.packages_index import IndexDamaged, read_holdings, stanzas, unpacked
from takeoff.clients.release_file import IndexEntry, ReleaseFile
from takeoff.core.candidates import Candidate, Holdings
from takeoff.core.errors import SourceUnavailable, SourceUntrusted
from takeoff.core.package_settings import AptSource

RELEASE_LIMIT = 16 << 20
"""Bytes of a Release file; Debian's own have 200 kB."""

SETTLED = timedelta(seconds=2)
"""Age of a document from which on its date tells whether it has changed."""

WEB_PAGE_LIMIT = 64 << 10
"""Bytes in which an error page is recognised."""

UNPACKED_LIMIT = 4 << 30
"""Bytes of an index without compression where the Release file does not tell."""


@dataclass(frozen=True)
class _Suite:
    """A suite whose Release file is verified."""

    release: ReleaseFile
    base: str
    remembered: RememberedSuite


class AptRepository:
    """Tells what an apt repository holds of one package.

    Args:
        settings: the source in the environment file.
        package: name of the package.
        session: brings login and password, if the repository is private.
        keyring: file of the keys that its Release files are signed with.
        distribution: what the fleet calls the distribution that it is for.
        memory: what was read last time.
        timeouts: seconds that the server has.
        now: gives the time of day, in UTC.
    """

    def __init__(
        self,
        settings: AptSource,
        package: str,
        session: requests.Session,
        keyring: Path,
        *,
        distribution: str = "",
        memory: IndexMemory | None = None,
        timeouts: Timeouts = PATIENCE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = f"apt {settings.url.rstrip('/')} {' '.join(settings.suites)}"
        self._distribution = distribution
        self._settings = settings
        self._package = package
        self._keyring = keyring
        self._memory = memory or IndexMemory(None)
        self._now = now
        self._downloads = Downloader(session, self.name, timeouts)
        self._signatures = SignatureChecker(keyring, self.name)

    async def ask(self) -> Holdings:
        """Read every suite, component and architecture; see :meth:`read` for what it raises."""
        return await asyncio.to_thread(self.read)

    async def describe(self, candidate: Candidate) -> Candidate:
        """Return it as it is: the index told all there is."""
        return candidate

    def read(self) -> Holdings:
        """Read every suite, component and architecture.

        Raises:
            SourceUnavailable: no answer, a broken one, or there is no such suite, component, architecture or package.
            SourceUntrusted: a signature, a hash or a date is wrong.
            ConfigError: the keyring cannot be read, or ``gpgv`` is not installed.
        """
        parts = [self._read_suite(suite) for suite in self._settings.suites]
        candidates = tuple(one for part in parts for one in part.candidates)
        unreadable = tuple(one for part in parts for one in part.unreadable)
        if not candidates and not unreadable:
            raise SourceUnavailable(
                self.name,
                f"there is no package {self._package} in {', '.join(self._settings.components)} for "
                f"{', '.join(self._settings.architectures)}: are package.name, suites and components right?",
            )
        return Holdings(candidates, unreadable)

    def _read_suite(self, name: str) -> Holdings:
        key = (self._settings.url, name, self._package, str(self._keyring))
        remembered = self._memory.recall(*key)
        suite = self._verified_suite(name, remembered)
        indexes: dict[str, RememberedIndex] = {}
        for component in self._settings.components:
            for architecture in self._settings.architectures:
                entry = suite.release.index(component, architecture, self.name)
                known = suite.remembered.indexes.get(entry.path)
                if known is None or known.sha256 != entry.sha256:
                    known = RememberedIndex.of(entry.sha256, self._read_index(suite, entry))
                indexes[entry.path] = known
        if suite.remembered is not remembered or any(
            one is not remembered.indexes.get(path) for path, one in indexes.items()
        ):
            self._memory.keep(suite.remembered.model_copy(update={"indexes": indexes}), *key)
        parts = [
            index.holdings(package=self._package, distribution=self._distribution, source=self.name)
            for index in indexes.values()
        ]
        return Holdings(
            tuple(one for part in parts for one in part.candidates),
            tuple(one for part in parts for one in part.unreadable),
        )

    def _verified_suite(self, name: str, remembered: RememberedSuite) -> _Suite:
        base = f"{self._settings.url.rstrip('/')}/dists/{name}"
        fresh = self._fetch_release(base, remembered)
        document, signature = fresh.release
        if signature:
            called = f"Release of {name}"
            self._signatures.check_detached(document, signature, called)
            text = document
        else:
            called = f"InRelease of {name}"
            text = self._signatures.signed_text(document, called)
        release = ReleaseFile.parse(text, called, self.name)
        release.check_valid(self._now(), self.name)
        return _Suite(release, base, fresh)

    def _fetch_release(self, base: str, remembered: RememberedSuite) -> RememberedSuite:
        """Get InRelease, or else Release and Release.gpg, only if it has changed since it was remembered."""
        detached = bool(remembered.signature)
        if not detached:
            try:
                answer = self._downloads.read(f"{base}/InRelease", limit=RELEASE_LIMIT, headers=remembered.validators)
            except NotFound:
                remembered = RememberedSuite()
            else:
                return _renewed(remembered, answer, b"") if answer.modified else remembered
        answer = self._downloads.read(f"{base}/Release", limit=RELEASE_LIMIT, headers=remembered.validators)
        if not answer.modified:
            return remembered
        try:
            signature = self._downloads.read(f"{base}/Release.gpg", limit=RELEASE_LIMIT).body
        except NotFound:
            raise SourceUntrusted(
                self.name, f"{base}/Release has no signature (no InRelease, no Release.gpg)"
            ) from None
        return _renewed(remembered, answer, signature)

    def _read_index(self, suite: _Suite, entry: IndexEntry) -> Holdings:
        with TemporaryFile(prefix="takeoff-") as opened:
            file = cast(BinaryIO, opened)
            size, digest = self._fetch_index(suite, entry, file)
            file.seek(0)
            if (size, digest) != (entry.size, entry.sha256):
                if looks_like_html(file.read(1024)):
                    told = "is a web page, not an index"
                elif size != entry.size:
                    told = f"has {size} bytes where the signed {suite.release.name} says {entry.size}"
                else:
                    told = f"has another SHA256 than the signed {suite.release.name} says"
                raise SourceUntrusted(
                    self.name, f"{entry.path} {told}: its upload is not finished, or it was changed after signing"
                )
            try:
                return read_holdings(
                    stanzas(unpacked(file, entry.path), self._package, limit=entry.unpacked_size or UNPACKED_LIMIT),
                    package=self._package,
                    distribution=self._distribution,
                    source=self.name,
                )
            except IndexDamaged as error:
                raise SourceUntrusted(self.name, f"{entry.path} is what was signed, but {error}") from error

    def _fetch_index(self, suite: _Suite, entry: IndexEntry, file: BinaryIO) -> tuple[int, str]:
        # More than it may have is not read, but for the size of a web page, so that one can be told from rubbish.
        places = (entry.by_hash, entry.path) if suite.release.by_hash else (entry.path,)
        for place in places:
            try:
                return self._downloads.save(f"{suite.base}/{place}", file, limit=max(entry.size, WEB_PAGE_LIMIT))
            except NotFound:
                continue
        raise SourceUnavailable(
            self.name,
            f"{entry.path} is listed in {suite.release.name} but is not there: the repository is being changed, or an "
            "upload was given up half way",
        )


def _renewed(remembered: RememberedSuite, answer: Document, signature: bytes) -> RememberedSuite:
    """Put a new Release file in place of the old; indexes read before stay, for their hashes tell whether they hold."""
    return RememberedSuite(
        validators=_validators(answer.headers),
        document=base64.b64encode(answer.body).decode(),
        signature=base64.b64encode(signature).decode(),
        indexes=remembered.indexes,
    )


def _validators(headers: Mapping[str, str]) -> dict[str, str]:
    """Keep what asks for changes only, if the document had settled when it was read.

    Dates have whole seconds, and so have the tags that servers make of them: a document changed twice within one would
    look unchanged for ever (RFC 9110 §8.8.2.2).
    """
    try:
        read, changed = parsedate_to_datetime(headers["Date"]), parsedate_to_datetime(headers["Last-Modified"])
    except (KeyError, ValueError):
        return {"If-None-Match": headers["ETag"]} if "ETag" in headers else {}
    if read - changed < SETTLED:
        return {}
    names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    return {asks: headers[told] for told, asks in names.items() if told in headers}
