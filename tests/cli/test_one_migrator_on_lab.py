"""No host but the blessed node migrates, even where another one is set up to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import wait_for_line
from tests.cli.rollback_lab import RollbackLab, rollback_lab

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

WOULD_MIGRATE = """
file="${TAKEOFF_HOST_ROOT:-}/etc/gitlab/gitlab.rb"
sed -i "s/^\\(gitlab_rails..auto_migrate..\\) = false/\\1 = true/" "$file"
grep "auto_migrate.. = true" "$file"
"""
WOULD_NOT = WOULD_MIGRATE.replace("= false/\\1 = true", "= true/\\1 = false").replace(". = true", ". = false")


@pytest.fixture(scope="module")
def takeoff() -> Iterator[RollbackLab]:
    with rollback_lab(hosts=8, stages={"canary": ("web",), "main": ("web",)}) as lab:
        yield lab


def test_rule_3_a_deploy_is_refused_while_another_host_would_migrate(takeoff: RollbackLab) -> None:
    newer = takeoff.newer()
    takeoff.lab.run("web-01", WOULD_MIGRATE)
    before = takeoff.entries()
    refused = takeoff.run("deploy", "lab", newer, status=3).stderr
    assert "web-01: auto_migrate is not off" in refused
    assert takeoff.entries() == before
    takeoff.lab.run("web-01", WOULD_NOT)


@pytest.mark.soak
def test_rule_3_a_host_that_is_set_up_to_migrate_in_the_midst_of_a_deploy_runs_no_post_deploy_migration(
    takeoff: RollbackLab,
) -> None:
    newer = takeoff.newer()
    deploy = takeoff.start("deploy", "lab", newer)
    wait_for_line(deploy, "migrations: ")
    takeoff.lab.run("web-01", WOULD_MIGRATE)
    _, stderr = deploy.communicate(timeout=300)
    takeoff.lab.run("web-01", WOULD_NOT)
    pending = takeoff.lab.run("deploy-01", "gitlab-rake db:migrate:status")
    assert " down " in pending, pending
    assert takeoff.bodies("point_of_no_return") == []
    assert deploy.returncode in (0, 1), stderr
