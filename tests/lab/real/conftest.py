"""One `real` lab for the tests of this folder. It needs Linux with root, and installs Debian packages into images."""

import os
from collections.abc import Callable, Iterator

import pytest

from lab.kind import Fault
from lab.real.machine import refusal
from tests.lab.running import RunningLab

SECONDS = 600
"""For each test: the first one may have to build the images."""


def reason_to_skip() -> str | None:
    """Why these tests cannot run here; with TAKEOFF_LAB=real no reason counts, so that they fail instead."""
    if os.environ.get("TAKEOFF_LAB") == "real":
        return None
    return refusal() or "TAKEOFF_LAB=real runs it: it builds root file systems of hosts from Debian packages"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/lab/real/" in item.path.as_posix() and item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.timeout(SECONDS))
            if reason := reason_to_skip():
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab(real_lab: RunningLab) -> RunningLab:
    return real_lab


@pytest.fixture
def broken(lab: RunningLab) -> Iterator[Callable[..., Fault]]:
    """Break things for the length of one test; all is mended after it, and every server in use again."""
    broken: list[tuple[Fault, str]] = []

    def apply(name: str, host: str = "") -> Fault:
        fault = lab.fault(name, host)
        broken.append((fault, host))
        fault.apply(host)
        return fault

    yield apply
    for fault, host in reversed(broken):
        fault.lift(host)
    lab.await_serving()
