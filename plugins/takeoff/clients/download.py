"""HTTP downloads from strangers: bounded in size and time, and every way in which they fail told in one sentence."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from takeoff.core.errors import SourceUnavailable, SourceUntrusted

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
"""Longest silence in the middle of an answer."""

TOTAL_TIMEOUT_S = 300.0
"""Longest time for one answer, so that a server that drips bytes cannot hold a look for ever."""

CHUNK_BYTES = 1 << 18
REDIRECTS = 5

_REDIRECTING = {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER}
_REDIRECTING |= {HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}


@dataclass(frozen=True)
class Timeouts:
    """Seconds that a server has."""

    connect: float = CONNECT_TIMEOUT_S
    read: float = READ_TIMEOUT_S
    total: float = TOTAL_TIMEOUT_S


PATIENCE = Timeouts()
"""What is given if nothing else is said."""


@dataclass(frozen=True)
class Document:
    """An answer that fits into memory.

    Attributes:
        body: its bytes; empty if it is not modified.
        headers: the answer's headers.
        modified: false if the server says that the document is still the one whose validators were sent.
        url: where it was found in the end.
    """

    body: bytes
    headers: Mapping[str, str]
    modified: bool
    url: str


class NotFound(SourceUnavailable):
    """The server says that there is no such document (404 or 410)."""


class Downloader:
    """Reads documents of one source.

    Args:
        session: brings the source's credentials; they are sent to the asked host alone.
        source: name of the source, for messages.
        timeouts: seconds that the server has.
    """

    def __init__(self, session: requests.Session, source: str, timeouts: Timeouts = PATIENCE) -> None:
        self._session = session
        self.source = source
        self._timeouts = timeouts

    def read(self, url: str, *, limit: int, headers: Mapping[str, str] | None = None) -> Document:
        """Read a small document.

        Args:
            url: where.
            limit: bytes that are too many.
            headers: validators of an earlier answer (``If-None-Match``), or what is accepted.

        Raises:
            NotFound: there is none.
            SourceUnavailable: no answer, a broken one, or a refusal.
            SourceUntrusted: it is larger than ``limit``.
        """
        with self._open(url, headers or {}) as response:
            modified = response.status_code != HTTPStatus.NOT_MODIFIED
            body = b"".join(self._chunks(response, limit)) if modified else b""
            return Document(body, response.headers, modified, response.url)

    def save(self, url: str, into: BinaryIO, *, limit: int) -> tuple[int, str]:
        """Write a document into a file.

        Returns:
            Its bytes and their SHA-256 as hex digits.

        Raises:
            NotFound: there is none.
            SourceUnavailable: no answer, a broken one, or a refusal.
            SourceUntrusted: it is larger than ``limit``.
        """
        digest, size = hashlib.sha256(), 0
        with self._open(url, {}) as response:
            for chunk in self._chunks(response, limit):
                digest.update(chunk)
                size += len(chunk)
                into.write(chunk)
        return size, digest.hexdigest()

    @contextmanager
    def _open(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        response = self._follow(url, {"Accept-Encoding": "identity", **headers})
        try:
            self._judge(response)
            yield response
        finally:
            response.close()

    def _follow(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        # Not left to requests: it takes the password off when the host changes, but not a token in another header.
        asked, origin = url, _origin(url)
        for _ in range(REDIRECTS + 1):
            session = self._session if _origin(url) == origin else requests.Session()
            try:
                response = session.get(
                    url,
                    headers=headers,
                    stream=True,
                    allow_redirects=False,
                    timeout=(self._timeouts.connect, self._timeouts.read),
                )
            except requests.RequestException as error:
                raise SourceUnavailable(self.source, f"no answer from {url}: {reason(error)}") from error
            target = response.headers.get("Location")
            if response.status_code not in _REDIRECTING or not target:
                return response
            response.close()
            url = urljoin(url, target)
            if urlsplit(url).scheme not in ("http", "https"):
                raise SourceUntrusted(self.source, f"{asked} leads to {url}, which is no web address")
        raise SourceUnavailable(self.source, f"{asked} leads from one address to the next, over {REDIRECTS} times")

    def _judge(self, response: requests.Response) -> None:
        status, url = response.status_code, response.url
        if status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
            return
        said = f"{status} {response.reason or ''}".strip()
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise NotFound(self.source, f"{url} is not there ({said})")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise SourceUnavailable(
                self.source, f"{url} does not let us in ({said}): check login and password of the source's connection"
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            after = response.headers.get("Retry-After", "")
            when = f" for {after} s" if after.isdigit() else f" until {after}" if after else ""
            raise SourceUnavailable(self.source, f"{url} asks to be left alone{when} ({said})")
        raise SourceUnavailable(self.source, f"{url} answers {said} instead of the document")

    def _chunks(self, response: requests.Response, limit: int) -> Iterator[bytes]:
        url, size, end = response.url, 0, time.monotonic() + self._timeouts.total
        try:
            # Undecoded: some servers declare Packages.gz to be an encoding, and its hash is that of the file.
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                size += len(chunk)
                if size > limit:
                    raise SourceUntrusted(
                        self.source, f"{url} sends more than the {limit} bytes that can be: it is not read any further"
                    )
                if time.monotonic() > end:
                    raise SourceUnavailable(
                        self.source, f"{url} is too slow: {size} bytes in {self._timeouts.total:g} s"
                    )
                yield chunk
        except urllib3.exceptions.ReadTimeoutError as error:
            told = f"{url} fell silent for {self._timeouts.read:g} s after {size} bytes"
            raise SourceUnavailable(self.source, told) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            whole = response.headers.get("Content-Length", "an unknown number of")
            raise SourceUnavailable(self.source, f"{url} broke off before the end of its {whole} bytes") from error


def reason(error: BaseException) -> str:
    """Find the words that help in an exception of ``requests``: the innermost system error, or what kind it is."""
    seen: list[BaseException] = []
    queue: list[object] = [error]
    while queue:
        one = queue.pop(0)
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    for one in reversed(seen):
        if isinstance(one, OSError) and one.strerror and not isinstance(one, requests.RequestException):
            return one.strerror.lower()
    if isinstance(error, requests.Timeout):
        return "it took too long"
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return "that is no web address"
    return str(seen[-1]).strip() or type(error).__name__


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
