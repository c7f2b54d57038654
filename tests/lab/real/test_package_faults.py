"""Faults of package management, of the application and of the repository: each has the effect that its name says."""

import shlex
import time
from collections.abc import Callable

import pytest

from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., object]

INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install -yq --allow-downgrades gitlab-ee=17.0.0-ee.0 2>&1"
"""Of the version that is there: nothing changes when it succeeds."""

REINSTALL = INSTALL.replace("install -yq", "install -yq --reinstall")


def test_a_held_lock_stops_apt(lab: RunningLab, broken: Break) -> None:
    broken("lock", "sidekiq-01")
    done = lab.kind.run("sidekiq-01", REINSTALL)
    assert done.status == 100
    assert "Could not get lock /var/lib/dpkg/lock-frontend. It is held by process" in done.output


def test_an_interrupted_dpkg_wants_to_be_finished_first(lab: RunningLab, broken: Break) -> None:
    broken("interrupted", "sidekiq-01")
    done = lab.kind.run("sidekiq-01", INSTALL)
    assert done.status == 100
    assert "dpkg was interrupted, you must manually run" in done.output
    lab.fault("interrupted", "sidekiq-01").lift("sidekiq-01")
    lab.run("sidekiq-01", INSTALL)


def test_a_half_configured_package_says_so_and_serves_on(lab: RunningLab, broken: Break) -> None:
    broken("half-configured", "git-01")
    assert lab.run("git-01", "dpkg-query -W -f '${Status}' gitlab-ee") == "install ok half-configured"
    assert "gitlab-ee" in lab.kind.run("git-01", "dpkg --audit").output
    lab.run("git-01", "curl -sf http://localhost/-/readiness")
    lab.fault("half-configured", "git-01").lift("git-01")
    assert lab.run("git-01", "dpkg-query -W -f '${Status}' gitlab-ee; dpkg --audit") == "install ok installed"


def test_a_held_package_is_not_changed(lab: RunningLab, broken: Break) -> None:
    lab.kind.repository.publish("17.0.1-ee.0")
    broken("package-held", "sidekiq-01")
    done = lab.kind.run("sidekiq-01", "apt-get update -q; apt-get install -yq gitlab-ee=17.0.1-ee.0 2>&1")
    assert done.status == 100
    assert "Held packages were changed and -y was used without --allow-change-held-packages" in done.output


def test_a_repository_that_is_down_gives_no_index(lab: RunningLab, broken: Break) -> None:
    broken("repository-down")
    done = lab.kind.run("sidekiq-01", "apt-get update -q -o APT::Update::Error-Mode=any 2>&1")
    assert done.status == 100
    assert "Connection refused" in done.output
    lab.fault("repository-down").lift("")
    lab.run("sidekiq-01", "apt-get update -q -o APT::Update::Error-Mode=any")


def test_a_slow_repository_takes_its_time(lab: RunningLab, broken: Break) -> None:
    lab.kind.repository.publish("17.0.2-ee.0", size_bytes=10_000)
    download = (
        "cd /var/tmp && rm -f *.deb && apt-get -q update >/dev/null && apt-get download gitlab-ee=17.0.2-ee.0 2>&1"
    )
    lab.run("sidekiq-01", download)
    broken("repository-slow")
    started = time.monotonic()
    cut = lab.kind.run("sidekiq-01", f"timeout 4 sh -c '{download}'")
    assert cut.status == 124
    assert time.monotonic() - started >= 4


def test_a_file_that_is_missing_from_the_repository_is_a_404_after_a_good_index(lab: RunningLab, broken: Break) -> None:
    broken("repository-404")
    lab.run("sidekiq-01", "apt-get update -q -o APT::Update::Error-Mode=any; apt-get clean")
    done = lab.kind.run("sidekiq-01", REINSTALL)
    assert done.status == 100
    assert "404  Not Found" in done.output


def test_an_altered_package_is_refused_by_apt(lab: RunningLab, broken: Break) -> None:
    broken("repository-corrupt")
    lab.run("sidekiq-01", "apt-get update -q -o APT::Update::Error-Mode=any; apt-get clean")
    done = lab.kind.run("sidekiq-01", REINSTALL)
    assert done.status == 100
    assert "Hash Sum mismatch" in done.output


def test_an_index_of_another_key_is_refused_by_apt(lab: RunningLab, broken: Break) -> None:
    broken("repository-unsigned")
    done = lab.kind.run("sidekiq-01", "apt-get update -q -o APT::Update::Error-Mode=any 2>&1")
    assert done.status == 100
    assert "NO_PUBKEY" in done.output or "is not signed" in done.output


def test_failing_readiness_takes_the_server_out_of_every_balancer(lab: RunningLab, broken: Break) -> None:
    broken("readiness", "web-01")
    for node in lab.record.layout.balancers:
        eventually(lambda node=node: lab.server(node, "web-01")["status"] == "DOWN", f"web-01 down on {node}")
    assert lab.server("lb-01", "web-01")["check_code"] == "503"


def test_a_failing_reconfigure_says_why(lab: RunningLab, broken: Break) -> None:
    broken("reconfigure", "sidekiq-01")
    done = lab.kind.run("sidekiq-01", "gitlab-ctl reconfigure 2>&1")
    assert done.status == 1
    assert "There was an error running gitlab-ctl reconfigure" in done.output


@pytest.fixture
def missing_migration(lab: RunningLab) -> None:
    """Take the newest migration's mark from the database: it is due again."""
    statement = "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"
    lab.run("deploy-01", f"gitlab-psql -c {shlex.quote(statement)}")


def test_a_failing_migration_is_not_applied(lab: RunningLab, broken: Break, missing_migration: None) -> None:
    broken("migration", "deploy-01")
    done = lab.kind.run("deploy-01", "gitlab-rake db:migrate 2>&1")
    assert done.status == 1
    assert "all later migrations canceled" in done.output
    lab.fault("migration", "deploy-01").lift("deploy-01")
    lab.run("deploy-01", "gitlab-rake db:migrate")
    assert "down" not in lab.run("deploy-01", "gitlab-rake db:migrate:status")


def test_an_endless_migration_runs_until_it_is_mended(lab: RunningLab, broken: Break, missing_migration: None) -> None:
    broken("migration-endless", "deploy-01")
    lab.run("deploy-01", "setsid gitlab-rake db:migrate >/var/tmp/migrate.log 2>&1 </dev/null & sleep 1")
    second = lab.kind.run("deploy-01", "gitlab-rake db:migrate 2>&1")
    assert second.status == 1
    assert "ConcurrentMigrationError" in second.output
    lab.fault("migration-endless", "deploy-01").lift("deploy-01")
    eventually(lambda: "migrated" in lab.run("deploy-01", "cat /var/tmp/migrate.log"), "the migration ends")
    eventually(lambda: "down" not in lab.run("deploy-01", "gitlab-rake db:migrate:status"), "it is applied")
