"""A host's own apt as a source: a real apt whose state is a folder, fed by a real repository."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from takeoff.core.errors import SourceUnavailable, SourceUntrusted
from takeoff.fleet.apt_cache import AptCache
from tests.clients.debian_repository import SUITE, Archive, Keys, needs
from tests.clients.web_server import Script
from tests.fleet.shell_hosts import ShellHosts

pytestmark = needs("apt-get", "apt-cache", "apt-ftparchive", "dpkg-deb", "gpg", "dash")

HOST = "deploy-01"


@pytest.fixture
def hosts(tmp_path: Path) -> ShellHosts:
    """One host whose apt has its lists, cache and sources below its own root."""
    hosts = ShellHosts(tmp_path / "hosts")
    root = hosts.root(HOST)
    for folder in ("bin", "lists/partial", "cache/archives/partial", "etc/sources.list.d"):
        (root / folder).mkdir(parents=True)
    (root / "status").touch()
    settings = {
        "Dir::State::Lists": root / "lists",
        "Dir::State::status": root / "status",
        "Dir::Cache": root / "cache",
        "Dir::Etc::sourcelist": root / "etc/sources.list",
        "Dir::Etc::sourceparts": root / "etc/sources.list.d",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "0",
    }
    (root / "apt.conf").write_text("".join(f'{name} "{value}";\n' for name, value in settings.items()))
    for tool in ("apt-get", "apt-cache"):
        wrapper = root / "bin" / tool
        wrapper.write_text(f'#!/bin/sh\nAPT_CONFIG={root}/apt.conf exec /usr/bin/{tool} "$@"\n')
        wrapper.chmod(0o755)
    return hosts


@pytest.fixture
def source_list(hosts: ShellHosts, web: Script, keys: Keys) -> Path:
    root = hosts.root(HOST)
    (root / "keyring.gpg").write_bytes((keys.home / "binary.gpg").read_bytes())
    file = root / "etc/sources.list.d/gitlab.list"
    file.write_text(f"deb [signed-by={root}/keyring.gpg] {web.url} {SUITE} main\n")
    return file


@pytest.fixture
def source(hosts: ShellHosts, source_list: Path) -> Iterator[Callable[..., AptCache]]:
    def make(package: str = "gitlab-ee", *, restricted: bool = True) -> AptCache:
        return AptCache(hosts, HOST, package, source_list=str(source_list) if restricted else None)

    return make


Source = Callable[..., AptCache]


@pytest.mark.parametrize("restricted", [True, False], ids=["one source", "all sources"])
async def test_a_host_tells_what_its_apt_could_install(archive: Archive, source: Source, *, restricted: bool) -> None:
    archive.add("17.4.1-ee.0", name="gitlab-ce")
    archive.publish("17.4.1-ee.0", "17.5.0-ee.0")
    holdings = await source(restricted=restricted).ask()
    assert sorted(one.version.text for one in holdings.candidates) == ["17.4.1-ee.0", "17.5.0-ee.0"]
    for one in holdings.candidates:
        assert len(one.sha256) == 64
        assert one.size > 0
        assert one.architecture == "amd64"
        assert one.filename == f"pool/main/gitlab-ee_{one.version}_amd64.deb"


async def test_each_look_updates_the_index(archive: Archive, source: Source) -> None:
    archive.publish("17.4.1-ee.0")
    archive.settle()  # HTTP tells times in seconds: both indexes would be of the same one
    await source().ask()
    archive.publish("17.5.0-ee.0")
    assert len((await source().ask()).candidates) == 2


async def test_only_the_packages_own_source_is_asked(archive: Archive, source: Source, source_list: Path) -> None:
    archive.publish("17.4.1-ee.0")
    (source_list.parent / "broken.list").write_text("deb http://127.0.0.1:1 nowhere main\n")
    assert (await source().ask()).candidates
    with pytest.raises(SourceUnavailable, match=r"the host's apt could not look: .*127.0.0.1:1"):
        await source(restricted=False).ask()


async def test_an_old_index_is_not_taken_for_an_answer(archive: Archive, web: Script, source: Source) -> None:
    archive.publish("17.4.1-ee.0")
    await source().ask()
    web.answers["Release"] = lambda handler: handler.reply(500)
    with pytest.raises(SourceUnavailable, match=f"apt_cache on {HOST}: the host's apt could not look"):
        await source().ask()


async def test_a_repository_that_the_host_does_not_believe_is_not_believed(archive: Archive, source: Source) -> None:
    archive.publish("17.4.1-ee.0")
    archive.sign(archive.release(), key="stranger")
    with pytest.raises(SourceUntrusted, match="the host's apt does not believe the repository"):
        await source().ask()


async def test_a_repository_that_is_not_signed_any_more_is_not_believed(archive: Archive, source: Source) -> None:
    archive.publish("17.4.1-ee.0")
    await source().ask()
    text = archive.release()
    (archive.root / f"dists/{SUITE}/Release").write_bytes(text)
    with pytest.raises(SourceUntrusted, match="is no longer signed"):
        await source().ask()


async def test_a_package_that_apt_does_not_know_is_told(archive: Archive, source: Source) -> None:
    archive.publish("17.4.1-ee.0")
    with pytest.raises(SourceUnavailable, match="the host's apt knows no package gitlab-fe"):
        await source("gitlab-fe").ask()


async def test_a_file_of_sources_that_is_not_there_is_named(source: Source, source_list: Path) -> None:
    source_list.unlink()
    with pytest.raises(SourceUnavailable, match=r"gitlab\.list is not there"):
        await source().ask()


async def test_a_host_that_gives_no_answer_is_a_source_that_gives_none(hosts: ShellHosts, source: Source) -> None:
    hosts.down.add(HOST)
    with pytest.raises(SourceUnavailable, match=f"apt_cache on {HOST}: {HOST}: is down"):
        await source().ask()
