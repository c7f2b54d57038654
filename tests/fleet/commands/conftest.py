"""What the tests of commands share: a private Debian, a repository, and operations that pin what it holds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from takeoff.core.environment import Environment
from takeoff.core.operation import Artifact, Operation
from tests.fleet.commands.debian_root import DebianRoot, Repository
from tests.fleet.simulated_fleet import SimulatedFleet, environment_of

OperationTo = Callable[..., Operation]


@pytest.fixture
def environment() -> Environment:
    return environment_of({"main": {"web": 1}})


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}: this machine is no Debian")
    repository = Repository(tmp_path / "repository")
    yield repository
    repository.close()


@pytest.fixture
def host(tmp_path: Path, repository: Repository) -> DebianRoot:
    return DebianRoot(tmp_path / "host", repository)


@pytest.fixture
def operation_to(environment: Environment) -> OperationTo:
    """Make an operation to a version that pins the given sums."""

    def make(version: str, *sums: str) -> Operation:
        operation = SimulatedFleet(environment).lease(version).operation
        return operation.model_copy(update={"artifacts": tuple(Artifact(sha256=each, size=100) for each in sums)})

    return make
