"""What only hosts with a root file system show. It needs Linux with root, and installs Debian packages into images."""

import os
from pathlib import Path

import pytest

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
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.timeout(SECONDS))
            if reason := reason_to_skip():
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def lab(real_lab: RunningLab) -> RunningLab:
    return real_lab
