"""Labs that the tests of several folders share."""

from collections.abc import Iterator

import pytest

from lab.state import LabState
from tests.lab.running import RunningLab, lab_command


@pytest.fixture(scope="session")
def real_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """Yield one `real` lab for the whole run; only for tests that know that this machine can have one."""
    yield from run_lab(tmp_path_factory, "real")


def run_lab(tmp_path_factory: pytest.TempPathFactory, kind: str) -> Iterator[RunningLab]:
    folder = tmp_path_factory.mktemp(f"{kind}-lab") / "state"
    result = lab_command(folder, "up", "--kind", kind, "--hosts", "9")
    assert result.returncode == 0, result.stdout + result.stderr
    running = RunningLab(LabState(folder))
    try:
        running.await_serving()
        yield running
    finally:
        result = lab_command(folder, "down")
        assert result.returncode == 0, result.stdout + result.stderr
