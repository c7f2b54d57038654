"""One small lab for all tests of this folder, with the lab's own HAProxy and Alertmanager."""

from collections.abc import Callable, Iterator

import pytest

from lab.state import LabState
from tests.lab.running_lab import Lab, lab_command


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab") / "state"
    result = lab_command(folder, "up", "--hosts", "9", "--stand-ins", "--version", "17.0.0-ee.0")
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
