"""One lab and one Airflow for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.airflow.real_airflow import RealAirflow


@pytest.fixture(scope="session")
def takeoff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAirflow]:
    """Airflow on a lab whose hosts all run 17.0.0-ee.0."""
    real = RealAirflow(tmp_path_factory.mktemp("airflow"))
    try:
        real.start()
        yield real
    finally:
        real.stop()
