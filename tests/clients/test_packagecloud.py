"""The packagecloud client against a server that keeps to the API's documentation."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from takeoff.clients.download import Timeouts
from takeoff.clients.packagecloud import Packagecloud
from takeoff.core.candidates import Candidate
from takeoff.core.errors import SourceUnavailable, SourceUntrusted
from takeoff.core.package_settings import PackagecloudSource
from tests.clients.web_server import Handler, Script, serving

TOKEN = "t0ken"
API = "/api/v1/repos/gitlab/pre-release"
FOLDER = f"{API}/package/deb/ubuntu/jammy/gitlab-ee/amd64"


def fragment(version: str, release: str | None = "ee.0", epoch: int = 0) -> dict[str, Any]:
    """One item of the list (packagecloud.io/docs/api, "PackageFragment")."""
    return {
        "name": "gitlab-ee",
        "distro_version": "ubuntu/jammy",
        "created_at": "2026-11-24T10:00:00.000Z",
        "version": version,
        "release": release,
        "epoch": epoch,
        "private": True,
        "type": "deb",
        "filename": f"gitlab-ee_{version}-{release}_amd64.deb",
        "package_url": f"{FOLDER}/{version}-{release}.json",
    }


class Server:
    """Lists versions in pages, and describes each."""

    def __init__(self, items: list[dict[str, Any]], per_page: int = 2) -> None:
        self.items, self.per_page = items, per_page
        self.named_as = ""
        self.details: dict[str, Any] = {"sha256sum": "c" * 64, "size": "1473688978"}

    def answer(self, handler: Handler) -> None:
        given = handler.headers.get("Authorization", "")
        if given != "Basic " + base64.b64encode(f"{TOKEN}:".encode()).decode():
            return handler.reply(401, b'{"error": "unauthorized"}')
        address = urlsplit(handler.path)
        if address.path == f"{FOLDER}/versions.json":
            return self._page(handler, int(parse_qs(address.query).get("page", ["1"])[0]))
        if any(item["package_url"] == address.path for item in self.items):
            return handler.reply(200, json.dumps(self.details).encode(), Content_Type="application/json")
        return handler.reply(404, b"{}")

    def _page(self, handler: Handler, page: int) -> None:
        end = page * self.per_page
        body = json.dumps(self.items[end - self.per_page : end]).encode()
        base = f"{self.named_as or 'http://' + handler.headers['Host']}{FOLDER}/versions.json?per_page=2&page="
        links = [f'<{base}1>; rel="first"'] + ([f'<{base}{page + 1}>; rel="next"'] if end < len(self.items) else [])
        total = str(len(self.items))
        handler.reply(200, body, Content_Type="application/json", Link=", ".join(links), Total=total, Per_Page="2")


@pytest.fixture
def server() -> Server:
    return Server([fragment(version) for version in ("17.4.1", "17.4.2", "17.5.0", "17.5.1", "17.6.0")])


@pytest.fixture
def web(tmp_path: Path, server: Server) -> Iterator[Script]:
    with serving(tmp_path) as script:
        script.answers[""] = server.answer
        yield script


def client(web: Script, token: str = TOKEN, architectures: tuple[str, ...] = ("amd64",)) -> Packagecloud:
    settings = PackagecloudSource(
        type="packagecloud",
        url=web.url,
        repository="gitlab/pre-release",
        distribution="ubuntu/jammy",
        architectures=architectures,
    )
    session = requests.Session()
    session.auth = (token, "")
    return Packagecloud(settings, "gitlab-ee", session, web.url, timeouts=Timeouts(2, 0.5, 2))


def test_all_pages_are_read_and_version_and_release_are_joined(web: Script) -> None:
    holdings = client(web).read()
    assert [one.version.text for one in holdings.candidates] == [
        *("17.4.1-ee.0", "17.4.2-ee.0", "17.5.0-ee.0", "17.5.1-ee.0", "17.6.0-ee.0")
    ]
    assert len(web.requests) == 3
    first = holdings.candidates[0]
    assert (first.distribution, first.architecture) == ("ubuntu/jammy", "amd64")
    assert first.published_at == datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_epoch_and_a_missing_release_are_understood(web: Script, server: Server) -> None:
    server.items = [fragment("9.2p1", "2", epoch=1), fragment("3.1", None)]
    assert [one.version.text for one in client(web).read().candidates] == ["1:9.2p1-2", "3.1"]


def test_hash_and_size_come_from_the_packages_own_page(web: Script) -> None:
    candidate = client(web).read().candidates[1]
    described = client(web)._described(candidate)
    assert (described.sha256, described.size) == ("c" * 64, 1473688978)
    assert described.version == candidate.version


def test_the_token_stays_with_the_configured_server(web: Script, server: Server) -> None:
    server.named_as = "http://elsewhere.invalid"
    assert len(client(web).read().candidates) == 5


def test_a_version_that_is_none_is_passed_over(web: Script, server: Server) -> None:
    server.items = [fragment("17.4.1"), fragment("$(reboot)")]
    holdings = client(web).read()
    assert [one.version.text for one in holdings.candidates] == ["17.4.1-ee.0"]
    assert "'$(reboot)-ee.0' is no package version" in holdings.unreadable[0].reason


def test_a_wrong_token_is_told(web: Script) -> None:
    with pytest.raises(SourceUnavailable, match=r"packagecloud gitlab/pre-release ubuntu/jammy: .* does not let us in"):
        client(web, token="wrong").read()


def test_an_architecture_that_is_not_there_is_told(web: Script) -> None:
    with pytest.raises(SourceUnavailable, match="there is no gitlab-ee for arm64, or the token may not see it"):
        client(web, architectures=("amd64", "arm64")).read()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html>Log in</html>", "is text/html instead of JSON: is the URL right?"),
        (b'{"error": "x"}', "is no list of packages"),
        (b"[1]", "is no list of packages"),
    ],
    ids=["HTML", "object", "numbers"],
)
def test_an_answer_that_is_no_list_is_not_believed(web: Script, body: bytes, told: str) -> None:
    web.answers[""] = lambda handler: handler.reply(200, body, Content_Type="text/html; charset=utf-8")
    with pytest.raises(SourceUntrusted, match=told):
        client(web).read()


def test_pages_that_lead_in_a_circle_end(web: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("takeoff.clients.packagecloud.PAGES", 5)
    link = f'<{FOLDER}/versions.json>; rel="next"'
    web.answers[""] = lambda handler: handler.reply(200, b"[]", Link=link)
    with pytest.raises(SourceUntrusted, match="has more than 5 pages: they lead in a circle"):
        client(web).read()
    assert len(web.requests) == 5


@pytest.mark.parametrize("details", [{}, {"sha256sum": "abc"}, []], ids=["none", "cut", "a list"])
def test_a_package_without_its_hash_is_not_believed(web: Script, server: Server, details: Any) -> None:
    server.details = details
    candidate: Candidate = client(web).read().candidates[0]
    with pytest.raises(SourceUntrusted, match=r"it tells no SHA256 of 17\.4\.1-ee\.0"):
        client(web)._described(candidate)
