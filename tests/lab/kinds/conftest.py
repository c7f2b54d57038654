"""Both kinds of lab: what these tests show holds on either. The `real` one runs where TAKEOFF_LAB=real asks for it."""

import os
from collections.abc import Callable, Iterator

import pytest

from lab.kind import Fault
from tests.lab.conftest import run_lab
from tests.lab.running import RunningLab

KINDS = ("process", "real") if os.environ.get("TAKEOFF_LAB") == "real" else ("process",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/lab/kinds/" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(600))  # the first one may have to build the images


@pytest.fixture(scope="session", params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    if request.param == "real":
        yield request.getfixturevalue("real_lab")
    else:
        yield from run_lab(tmp_path_factory, "process")


@pytest.fixture
def broken(lab: RunningLab) -> Iterator[Callable[..., Fault]]:
    """Break things for the length of one test."""
    done: list[tuple[Fault, str]] = []

    def apply(name: str, host: str = "") -> Fault:
        fault = lab.fault(name, host)
        done.append((fault, host))
        fault.apply(host)
        return fault

    yield apply
    for fault, host in reversed(done):
        fault.lift(host)
    lab.await_serving()
