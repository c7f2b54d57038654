"""One small lab for all tests of this folder, with the lab's own HAProxy and Alertmanager."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.state import LabState
from tests.lab.running_lab import Lab, lab_command


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with folder_for_a_lab() as folder:
        yield from running_lab(folder, "--hosts", "9")


@pytest.fixture
def lab_folder() -> Iterator[Path]:
    """Where a test may start a lab of its own."""
    with folder_for_a_lab() as folder:
        yield folder


@pytest.fixture
def fresh_lab(lab_folder: Path) -> Iterator[Lab]:
    """A lab whose database may be ruined."""
    yield from running_lab(lab_folder, "--hosts", "8")


@contextmanager
def folder_for_a_lab() -> Iterator[Path]:
    """A folder outside pytest's own: every pytest that starts closes that one to PostgreSQL's user."""
    parent = Path(tempfile.mkdtemp(prefix="takeoff-lab-"))
    try:
        yield parent / "state"
    finally:
        shutil.rmtree(parent)


def running_lab(folder: Path, *options: str) -> Iterator[Lab]:
    result = lab_command(folder, "up", "--stand-ins", "--version", "17.0.0-ee.0", *options)
    assert result.returncode == 0, result.stdout + result.stderr
    try:
        yield Lab(LabState(folder))
    finally:
        assert lab_command(folder, "down").returncode == 0


@pytest.fixture
def broken(lab: Lab) -> Iterator[Callable[..., None]]:
    """Break things for the length of one test."""
    faults: list[tuple[str, ...]] = []

    def apply(*fault: str) -> None:
        lab.break_(*fault)
        faults.append(fault)

    yield apply
    for fault in reversed(faults):
        lab.mend(*fault)
