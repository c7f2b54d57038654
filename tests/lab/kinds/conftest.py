"""The lab of the kind that TAKEOFF_LAB names: what these tests show holds on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.application.schema import column_of, migrations_of
from tests.lab.conftest import KIND
from tests.lab.running import FIRST, RunningLab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(600))  # the first one may have to build the images


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> RunningLab:
    running: RunningLab = request.getfixturevalue(f"{KIND}_lab")
    return running


@pytest.fixture
def pending_migration(lab: RunningLab) -> None:
    """Take the newest migration's mark from the database: it is due again."""
    statement = "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"
    lab.run("deploy-01", f'gitlab-psql -c "{statement}"')


@pytest.fixture
def next_release(lab: RunningLab) -> Iterator[str]:
    """Yield a published release with a schema of its own; hosts and database go back to the first one afterwards."""
    version, old = "17.1.0-ee.0", column_of((17, 0))
    lab.publish(version)
    yield version
    added = migrations_of(version)[len(migrations_of(FIRST)) :]
    marks = ", ".join(f"'{migration.id}'" for migration in added)
    for statement in (
        f"ALTER TABLE notes ADD COLUMN IF NOT EXISTS {old} text",
        f"DELETE FROM schema_migrations WHERE version IN ({marks})",
        f"DELETE FROM batched_background_migrations WHERE column_name = '{column_of((17, 1))}'",
    ):
        lab.run("deploy-01", f'gitlab-psql -c "{statement}"')
    lab.run("deploy-01", 'rm -rf "${TAKEOFF_HOST_ROOT:-}/var/opt/gitlab/gitlab-rails/upgrade-status"')
    for host in lab.record.layout.hosts:
        if lab.version(host.name) == version:
            lab.install(host.name, FIRST, "gitlab-ctl reconfigure && gitlab-ctl restart")
    lab.kind.repository.withdraw(version)
    lab.await_serving()
