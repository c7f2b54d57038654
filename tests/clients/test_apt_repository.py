"""The apt client against repositories made with apt-ftparchive and aptly, served by a real web server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from takeoff.clients.apt_repository import AptRepository
from takeoff.clients.index_memory import IndexMemory
from takeoff.core.candidates import Holdings
from takeoff.core.errors import ConfigError, SourceUnavailable
from tests.clients.debian_repository import SUITE, Archive, Keys, needs, publish_with_aptly
from tests.clients.web_server import Handler, Script, serving

pytestmark = needs("apt-ftparchive", "dpkg-deb", "gpg", "gpgv")

Repository = Callable[..., AptRepository]


def versions(holdings: Holdings) -> list[str]:
    return sorted(one.version.text for one in holdings.candidates)


@pytest.mark.parametrize("detached", [False, True], ids=["InRelease", "Release.gpg"])
@pytest.mark.parametrize(
    "forms", [("", ".gz", ".xz"), ("", ".gz"), (".gz",), ("",)], ids=["xz", "gz", "gz only", "plain"]
)
def test_reads_every_form_of_a_signed_repository(
    archive: Archive, repository: Repository, *, detached: bool, forms: tuple[str, ...]
) -> None:
    archive.add("17.4.1-ee.0")
    archive.add("17.5.0-ee.0")
    archive.add("9.9-1", name="gitlab-eeve")
    archive.index(forms=forms)
    archive.sign(archive.release(), detached=detached)

    holdings = repository().read()

    assert versions(holdings) == ["17.4.1-ee.0", "17.5.0-ee.0"]


def test_a_candidate_carries_what_the_index_says_of_it(archive: Archive, repository: Repository) -> None:
    archive.publish("17.4.1-ee.0")
    (deb,) = (archive.root / "pool/main").iterdir()

    (one,) = repository(distribution="ubuntu/jammy").read().candidates

    digest = subprocess.run(["sha256sum", deb], capture_output=True, check=True).stdout.split()[0].decode()
    assert (one.sha256, one.size, one.architecture) == (digest, deb.stat().st_size, "amd64")
    assert (one.distribution, one.filename) == ("ubuntu/jammy", f"pool/main/{deb.name}")


@needs("aptly")
def test_reads_a_repository_that_aptly_published(
    tmp_path: Path, keys: Keys, build: Path, repository: Repository
) -> None:
    public = publish_with_aptly(tmp_path, keys, build, "17.4.1-ee.0", "13.1.0-rc42.ee.0")
    with serving(public) as web:
        holdings = repository(settings={"url": web.url}).read()
    assert versions(holdings) == ["13.1.0-rc42.ee.0", "17.4.1-ee.0"]
    assert any("/by-hash/SHA256/" in path for path in web.paths)


@pytest.mark.parametrize(
    "base", ["gitlab/gitlab-ee/ubuntu/jammy", "gitlab/gitlab-ee/ubuntu"], ids=["today", "before 2026"]
)
def test_reads_both_layouts_of_gitlabs_repositories(
    tmp_path: Path, archive: Archive, repository: Repository, base: str
) -> None:
    archive.publish("17.4.1-ee.0")
    place = tmp_path / "site" / base
    place.parent.mkdir(parents=True)
    place.symlink_to(archive.root)
    with serving(tmp_path / "site") as web:
        assert versions(repository(settings={"url": f"{web.url}/{base}/"}).read()) == ["17.4.1-ee.0"]


def test_adds_up_suites_components_and_architectures(archive: Archive, repository: Repository) -> None:
    archive.add("17.4.1-ee.0")
    archive.add("17.4.1-ee.0", architecture="arm64")
    archive.add("17.5.0-ee.0", component="extra")
    for suite in ("jammy", "jammy-updates"):
        for component in ("main", "extra"):
            for architecture in ("amd64", "arm64"):
                archive.index(suite=suite, component=component, architecture=architecture)
        archive.sign(archive.release(suite=suite), suite=suite)

    settings = {
        "suites": ["jammy", "jammy-updates"],
        "components": ["main", "extra"],
        "architectures": ["amd64", "arm64"],
    }
    found = {(one.version.text, one.architecture) for one in repository(settings=settings).read().candidates}

    assert found == {("17.4.1-ee.0", "amd64"), ("17.4.1-ee.0", "arm64"), ("17.5.0-ee.0", "amd64")}


def test_an_index_is_read_by_hash_where_that_is_offered(archive: Archive, web: Script, repository: Repository) -> None:
    archive.publish("17.4.1-ee.0", by_hash=True)
    repository().read()
    assert "/by-hash/SHA256/" in web.paths[-1]


def test_an_index_missing_under_its_hash_is_read_under_its_name(
    archive: Archive, web: Script, repository: Repository
) -> None:
    archive.publish("17.4.1-ee.0", by_hash=True)
    for file in archive.root.glob("dists/*/*/*/by-hash/SHA256/*"):
        file.unlink()
    assert versions(repository().read()) == ["17.4.1-ee.0"]
    assert web.paths[-1].endswith("Packages.xz")


def test_an_unchanged_repository_costs_one_small_request(
    tmp_path: Path, archive: Archive, web: Script, repository: Repository
) -> None:
    archive.publish("17.4.1-ee.0")
    archive.settle()
    memory = IndexMemory(tmp_path / "memory")
    first = repository(memory=memory).read()
    web.requests.clear()

    again = repository(memory=memory).read()

    assert again == first
    (request,) = web.requests
    assert request.sent + len(str(request.headers)) < 2048


def test_an_unchanged_repository_with_a_detached_signature_costs_one_small_request(
    tmp_path: Path, archive: Archive, web: Script, repository: Repository
) -> None:
    archive.add("17.4.1-ee.0")
    archive.index()
    archive.sign(archive.release(), detached=True)
    archive.settle()
    memory = IndexMemory(tmp_path / "memory")
    repository(memory=memory).read()
    web.requests.clear()
    repository(memory=memory).read()
    assert [path.rpartition("/")[2] for path in web.paths] == ["Release"]


def test_a_release_file_signed_anew_does_not_cost_the_index_again(
    tmp_path: Path, archive: Archive, web: Script, repository: Repository
) -> None:
    archive.publish("17.4.1-ee.0")
    memory = IndexMemory(tmp_path / "memory")
    repository(memory=memory).read()
    archive.sign(archive.release(more="Valid-Until: Fri, 01 Jan 2100 00:00:00 UTC\n"))
    web.requests.clear()
    assert versions(repository(memory=memory).read()) == ["17.4.1-ee.0"]
    assert [path.rpartition("/")[2] for path in web.paths] == ["InRelease"]


def test_a_new_package_is_seen_at_the_next_look(tmp_path: Path, archive: Archive, repository: Repository) -> None:
    memory = IndexMemory(tmp_path / "memory")
    archive.publish("17.4.1-ee.0")
    repository(memory=memory).read()
    archive.publish("17.5.0-ee.0")
    assert versions(repository(memory=memory).read()) == ["17.4.1-ee.0", "17.5.0-ee.0"]


def test_a_damaged_memory_only_costs_the_index_again(tmp_path: Path, archive: Archive, repository: Repository) -> None:
    memory = IndexMemory(tmp_path / "memory")
    archive.publish("17.4.1-ee.0")
    repository(memory=memory).read()
    (file,) = (tmp_path / "memory").iterdir()
    file.write_text(file.read_text()[:50])
    assert versions(repository(memory=memory).read()) == ["17.4.1-ee.0"]


def test_credentials_go_to_the_repository_and_not_to_where_it_redirects(
    archive: Archive, web: Script, repository: Repository
) -> None:
    archive.publish("17.4.1-ee.0")
    session = requests.Session()
    session.auth = ("deploy", "s3cret")
    session.headers["PRIVATE-TOKEN"] = "t0ken"
    with serving(archive.root) as storage:

        def elsewhere(handler: Handler) -> None:
            handler.reply(302, Location=f"{storage.url}{handler.path}")

        web.answers["Packages.xz"] = elsewhere
        assert versions(repository(session=session).read()) == ["17.4.1-ee.0"]
    asked = {name for request in web.requests for name in request.headers}
    assert {"authorization", "private-token"} <= asked
    assert storage.requests
    told = {name for request in storage.requests for name in request.headers}
    assert not told & {"authorization", "private-token", "cookie"}


def test_a_redirect_on_the_same_host_keeps_the_credentials(
    archive: Archive, web: Script, repository: Repository
) -> None:
    archive.publish("17.4.1-ee.0")
    session = requests.Session()
    session.auth = ("deploy", "s3cret")
    (archive.root / "elsewhere").symlink_to(archive.root)
    web.answers[f"{SUITE}/InRelease"] = lambda handler: handler.reply(
        301, Location="/elsewhere/dists/jammy/InRelease?moved"
    )
    repository(session=session).read()
    assert web.paths[1] == "/elsewhere/dists/jammy/InRelease?moved"
    assert all("authorization" in request.headers for request in web.requests)


def test_a_keyring_may_be_binary(archive: Archive, keys: Keys, repository: Repository) -> None:
    archive.publish("17.4.1-ee.0")
    assert repository(settings={"keyring": str(keys.home / "binary.gpg")}).read().candidates


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read: No such file"), (b"", "holds no OpenPGP public keys"), (b"<html>", "holds no OpenPGP")],
    ids=["missing", "empty", "a web page"],
)
def test_a_keyring_that_is_none_is_named(
    tmp_path: Path, archive: Archive, repository: Repository, content: bytes | None, told: str
) -> None:
    archive.publish("17.4.1-ee.0")
    keyring = tmp_path / "keyring"
    if content is not None:
        keyring.write_bytes(content)
    with pytest.raises(ConfigError, match=told) as caught:
        repository(settings={"keyring": str(keyring)}).read()
    assert str(keyring) in str(caught.value)


def test_a_package_that_is_not_there_is_not_the_same_as_nothing_new(archive: Archive, repository: Repository) -> None:
    archive.publish("17.4.1-ee.0")
    with pytest.raises(SourceUnavailable, match="there is no package gitlab-fe in main for amd64"):
        repository("gitlab-fe").read()


def test_what_the_repository_has_is_named_if_it_has_not_the_architecture(
    archive: Archive, repository: Repository
) -> None:
    archive.publish("17.4.1-ee.0")
    with pytest.raises(SourceUnavailable, match=r"lists no main/binary-s390x/Packages.*it has main/binary-amd64"):
        repository(settings={"architectures": ["s390x"]}).read()


def test_a_server_that_does_not_tell_the_length_is_read_too(
    archive: Archive, web: Script, repository: Repository
) -> None:
    archive.publish("17.4.1-ee.0")

    def chunked(handler: Handler) -> None:
        body = (archive.root / handler.path.lstrip("/")).read_bytes()
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in (body[:7], body[7:]):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    web.answers["InRelease"] = web.answers["Packages.xz"] = chunked
    assert versions(repository().read()) == ["17.4.1-ee.0"]


def test_an_index_that_is_declared_an_encoding_is_taken_as_the_file_that_it_is(
    archive: Archive, web: Script, repository: Repository
) -> None:
    archive.add("17.4.1-ee.0")
    archive.index(forms=("", ".gz"))
    archive.sign(archive.release())
    body = (archive.root / f"dists/{SUITE}/main/binary-amd64/Packages.gz").read_bytes()
    web.answers["Packages.gz"] = lambda handler: handler.reply(200, body, Content_Encoding="gzip")
    assert versions(repository().read()) == ["17.4.1-ee.0"]
