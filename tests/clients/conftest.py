"""Keys and repositories for the clients' tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from takeoff.clients.apt_repository import AptRepository
from takeoff.clients.download import Timeouts
from takeoff.core.package_settings import AptSource
from tests.clients.debian_repository import SUITE, Archive, Keys
from tests.clients.web_server import Script, serving


@pytest.fixture(scope="session")
def keys() -> Iterator[Keys]:
    # Not below pytest's folder: the agent's socket allows only 107 characters.
    home = Path(tempfile.mkdtemp(prefix="takeoff-gnupg-"))
    made = Keys.make(home)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("debs")


@pytest.fixture
def archive(tmp_path: Path, keys: Keys, build: Path) -> Archive:
    root = tmp_path / "www"
    root.mkdir()
    return Archive(root, keys, build)


@pytest.fixture
def web(archive: Archive) -> Iterator[Script]:
    with serving(archive.root) as script:
        yield script


@pytest.fixture
def repository(web: Script, keys: Keys) -> Callable[..., AptRepository]:
    """A function that makes the client, with changes to the source's settings and the client's arguments."""

    def make(
        package: str = "gitlab-ee", *, settings: dict[str, object] | None = None, **arguments: object
    ) -> AptRepository:
        source = {"type": "apt", "url": web.url, "suites": [SUITE], "keyring": str(keys.keyring)} | (settings or {})
        options: dict[str, object] = {"timeouts": Timeouts(connect=2, read=0.5, total=1.5)} | arguments
        session = options.pop("session", None) or requests.Session()
        return AptRepository(
            AptSource.model_validate(source), package, session, Path(str(source["keyring"])), **options
        )

    return make
