"""packagecloud's API v1, hosted or self-hosted (https://packagecloud.io/docs/api)."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from takeoff.clients.download import PATIENCE, Downloader, NotFound, Timeouts
from takeoff.core.candidates import Candidate, Holdings, PassedOver
from takeoff.core.errors import SourceUnavailable, SourceUntrusted, VersionError
from takeoff.core.package_settings import PackagecloudSource
from takeoff.core.versions import PackageVersion

PER_PAGE = 100
PAGES = 1000
PAGE_LIMIT = 16 << 20
"""Bytes of one page."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Packagecloud:
    """Tells what a packagecloud repository holds of one package.

    Args:
        settings: the source in the environment file.
        package: name of the package.
        session: the API token is its login, with an empty password.
        base_url: of the server, without a slash at the end.
        timeouts: seconds that the server has.
    """

    def __init__(
        self,
        settings: PackagecloudSource,
        package: str,
        session: requests.Session,
        base_url: str,
        *,
        timeouts: Timeouts = PATIENCE,
    ) -> None:
        self.name = f"packagecloud {settings.repository} {settings.distribution}"
        self._settings = settings
        self._package = package
        self._base = base_url.rstrip("/")
        self._downloads = Downloader(session, self.name, timeouts)

    async def ask(self) -> Holdings:
        """List every version for every architecture; see :meth:`read` for what it raises."""
        return await asyncio.to_thread(self.read)

    async def describe(self, candidate: Candidate) -> Candidate:
        """Ask for the hash and size of one build: the list of versions has neither."""
        return await asyncio.to_thread(self._described, candidate)

    def read(self) -> Holdings:
        """List every version for every architecture.

        Raises:
            SourceUnavailable: no answer, or there is no such repository, distribution or package.
            SourceUntrusted: the answer is not what the API's documentation promises.
        """
        candidates: list[Candidate] = []
        unreadable: list[PassedOver] = []
        for architecture in self._settings.architectures:
            for item in self._versions(architecture):
                try:
                    candidates.append(self._candidate(item, architecture))
                except VersionError as error:
                    unreadable.append(PassedOver(_version_text(item)[:80], None, f"cannot be read: {error}"))
        return Holdings(tuple(candidates), tuple(unreadable))

    def _versions(self, architecture: str) -> Iterator[dict[str, Any]]:
        path = f"package/deb/{self._settings.distribution}/{self._package}/{architecture}/versions.json"
        url: str | None = f"{self._base}/api/v1/repos/{self._settings.repository}/{path}?per_page={PER_PAGE}"
        for _ in range(PAGES):
            if url is None:
                return
            try:
                items, url = self._page(url)
            except NotFound as error:
                raise SourceUnavailable(
                    self.name,
                    f"there is no {self._package} for {architecture}, or the token may not see it ({error})",
                ) from None
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise SourceUntrusted(self.name, f"{path} is no list of packages")
            yield from items
        raise SourceUntrusted(self.name, f"{path} has more than {PAGES} pages: they lead in a circle")

    def _page(self, url: str) -> tuple[Any, str | None]:
        """Read one page and find the next one's address."""
        document = self._downloads.read(url, limit=PAGE_LIMIT, headers={"Accept": "application/json"})
        links = requests.utils.parse_header_links(document.headers.get("Link", ""))
        following = next((link["url"] for link in links if link.get("rel") == "next"), None)
        try:
            content = json.loads(document.body)
        except ValueError:
            kind = document.headers.get("Content-Type", "unknown").partition(";")[0]
            raise SourceUntrusted(self.name, f"{url} is {kind} instead of JSON: is the URL right?") from None
        return content, self._here(following) if following else None

    def _here(self, url: str) -> str:
        # A self-hosted server behind a proxy may name itself differently; and the token goes to nobody else.
        parts = urlsplit(url)
        origin = urlsplit(self._base)
        return f"{origin.scheme}://{origin.netloc}{parts.path}" + (f"?{parts.query}" if parts.query else "")

    def _candidate(self, item: dict[str, Any], architecture: str) -> Candidate:
        return Candidate(
            name=self._package,
            version=PackageVersion.parse(_version_text(item)),
            distribution=self._settings.distribution,
            architecture=architecture,
            source=self.name,
            published_at=_time(item.get("created_at")),
            filename=str(item.get("filename") or ""),
        )

    def _described(self, candidate: Candidate) -> Candidate:
        found = [one for one in self._versions(candidate.architecture) if _version_text(one) == candidate.version.text]
        address = str(found[0].get("package_url", "")) if found else ""
        if not address:
            raise SourceUnavailable(self.name, f"{candidate.version} is not there any more")
        details, _ = self._page(self._here(address))
        digest = str(details.get("sha256sum", "")).lower() if isinstance(details, dict) else ""
        if not _SHA256.fullmatch(digest):
            raise SourceUntrusted(self.name, f"it tells no SHA256 of {candidate.version}")
        size = str(details.get("size", ""))
        return dataclasses.replace(candidate, sha256=digest, size=int(size) if size.isdecimal() else 0)


def _version_text(item: dict[str, Any]) -> str:
    """Join what the API keeps apart: epoch, version and release."""
    epoch, version, release = item.get("epoch"), item.get("version"), item.get("release")
    text = f"{epoch}:" if str(epoch or "0") != "0" else ""
    text += str(version or "")
    return f"{text}-{release}" if release else text


def _time(text: object) -> datetime | None:
    try:
        told = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
