import gzip
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pysequoia import Cert, verify

from lab.repository import Repository


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", tmp_path / "key")


def test_the_index_names_every_published_version_with_its_digest(repository: Repository) -> None:
    paths = [repository.publish(version) for version in ("17.0.0-ee.0", "17.1.0-ee.0")]
    packages = gzip.decompress(
        (repository.folder / "dists/bookworm/main/binary-amd64/Packages.gz").read_bytes()
    ).decode()
    assert re.findall(r"^Version: (.*)$", packages, re.MULTILINE) == ["17.0.0-ee.0", "17.1.0-ee.0"]
    assert re.findall(r"^SHA256: (.*)$", packages, re.MULTILINE) == [
        hashlib.sha256(path.read_bytes()).hexdigest() for path in paths
    ]


def test_the_signed_release_names_the_index_as_it_is(repository: Repository) -> None:
    repository.publish("17.0.0-ee.0")
    dist = repository.folder / "dists/bookworm"
    key = Cert.from_file(str(repository.keyring))
    release = (verify(bytes=(dist / "InRelease").read_bytes(), store=lambda _: [key]).bytes or b"").decode()
    digest = hashlib.sha256((dist / "main/binary-amd64/Packages.gz").read_bytes()).hexdigest()
    assert re.search(rf"^ {digest} \d+ main/binary-amd64/Packages.gz$", release, re.MULTILINE)


@pytest.mark.skipif(not shutil.which("gpgv"), reason="needs gpgv")
def test_gpgv_accepts_both_signatures(repository: Repository) -> None:
    repository.publish("17.0.0-ee.0")
    dist = repository.folder / "dists/bookworm"
    for files in ([dist / "InRelease"], [dist / "Release.gpg", dist / "Release"]):
        subprocess.run(["gpgv", "--keyring", repository.keyring, *files], check=True, capture_output=True)


def test_what_is_signed_within_one_second_is_newer_by_http_s_whole_seconds(repository: Repository) -> None:
    signed = repository.folder / "dists/bookworm/InRelease"
    moments = []
    for version in ("17.0.0-ee.0", "17.1.0-ee.0", "17.2.0-ee.0"):
        repository.publish(version)
        moments.append(int(signed.stat().st_mtime))
    assert moments == sorted(set(moments))


def test_publishing_again_keeps_the_file_and_withdrawing_removes_it(repository: Repository) -> None:
    first = repository.publish("17.0.0-ee.0")
    inode = first.stat().st_ino
    assert repository.publish("17.0.0-ee.0").stat().st_ino == inode
    repository.withdraw("17.0.0-ee.0")
    assert repository.versions() == []
