"""One lab and one Airflow for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.airflow.real_airflow import RealAirflow
from tests.conftest import folder_within_reach


@pytest.fixture(scope="session")
def takeoff() -> Iterator[RealAirflow]:
    """Airflow on a lab whose hosts all run 17.0.0-ee.0."""
    with folder_within_reach() as folder:
        real = RealAirflow(folder)
        try:
            real.start()
            yield real
        finally:
            real.stop()
