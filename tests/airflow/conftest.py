"""One lab and one Airflow for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.airflow.real_airflow import RealAirflow
from tests.conftest import folder_within_reach

METRICS_TOKEN = "of-prometheus"


@pytest.fixture(scope="session")
def takeoff() -> Iterator[RealAirflow]:
    """Airflow on a lab whose hosts all run 17.0.0-ee.0."""
    with folder_within_reach() as folder:
        real = RealAirflow(folder, also_known={"takeoff_metrics": {"conn_type": "http", "password": METRICS_TOKEN}})
        try:
            real.start()
            yield real
        finally:
            real.stop()
