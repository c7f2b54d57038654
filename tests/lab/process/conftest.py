"""What is so on hosts of the kind `process` alone; such a lab needs nothing, so these tests always run."""

import pytest

from tests.lab.running import RunningLab


@pytest.fixture(scope="session")
def lab(process_lab: RunningLab) -> RunningLab:
    return process_lab
