"""One lab and one Airflow for the tests that run post-deploy migrations.

Nothing is checked there: the lab's hosts that are not deployed to do not bear such migrations, and QA would say so.
"""

from collections.abc import Iterator

import pytest

from tests.airflow.real_airflow import RealAirflow
from tests.conftest import folder_within_reach


@pytest.fixture(scope="package")
def takeoff() -> Iterator[RealAirflow]:
    """Airflow on a lab whose hosts all run 17.0.0-ee.0."""
    with folder_within_reach() as folder:
        real = RealAirflow(folder, settings={"qa": None, "alerts": None})
        try:
            real.start()
            yield real
        finally:
            real.stop()
