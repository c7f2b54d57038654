"""One lab of each kind for all tests that only need one, and what they do to it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import folder_within_reach
from tests.lab.running import RunningLab, run_lab

KIND = os.environ.get("TAKEOFF_LAB") or "process"
"""The kind of lab that this run is for."""


@pytest.fixture(scope="session")
def process_lab() -> Iterator[RunningLab]:
    """Yield a `process` lab as a machine without HAProxy and Alertmanager has it."""
    with (
        folder_within_reach() as parent,
        run_lab(parent / "state", "--kind", "process", "--stand-ins", "--hosts", "9") as lab,
    ):
        yield lab


@pytest.fixture(scope="session")
def real_lab() -> Iterator[RunningLab]:
    """Yield a `real` lab; only for tests that know that this machine can have one."""
    with folder_within_reach() as parent, run_lab(parent / "state", "--kind", "real", "--hosts", "9") as lab:
        yield lab


@pytest.fixture
def lab_folder() -> Iterator[Path]:
    """Yield where a test may start a lab of its own."""
    with folder_within_reach() as parent:
        yield parent / "state"


@pytest.fixture
def broken(lab: RunningLab) -> Iterator[Callable[..., None]]:
    """Break things for the length of one test; all is mended after it, and every server in use again."""
    faults: list[tuple[str, str]] = []

    def apply(name: str, host: str = "") -> None:
        faults.append((name, host))
        lab.break_(name, host)

    yield apply
    for name, host in reversed(faults):
        lab.mend(name, host)
    lab.await_serving()
