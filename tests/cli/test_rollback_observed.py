"""Deploys, post-deploy migrations and rollbacks on real hosts, under traffic, watched by a program that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.real.machine import refusal
from tests.cli.observing import assert_held, watched
from tests.cli.rollback_lab import RollbackLab, rollback_lab

pytestmark = [
    pytest.mark.lab,
    pytest.mark.soak,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(refusal()), reason=refusal() or "the machine can run real hosts"),
]

BROUGHT_BACK = 'gitlab-psql -c "ALTER TABLE notes ADD COLUMN IF NOT EXISTS detail_17_0 text"'


@pytest.fixture(scope="module")
def takeoff() -> Iterator[RollbackLab]:
    with rollback_lab(hosts=8, kind="real") as lab:
        yield lab


def test_a_deploy_and_its_rollback_break_no_rule_and_fail_no_request(takeoff: RollbackLab, tmp_path: Path) -> None:
    base, newer = takeoff.at_rest(), takeoff.newer()
    with watched(takeoff, tmp_path) as verdict:
        takeoff.run("deploy", "lab", newer)
        assert takeoff.installed() == {newer}
        takeoff.run("rollback", "lab", base, "--reason", "logins fail")
    assert_held(verdict)
    assert takeoff.installed() == {base}
    assert takeoff.drained() == []


def test_post_deploy_migrations_and_the_refusal_after_them_break_no_rule_nor_does_what_is_forced(
    takeoff: RollbackLab, tmp_path: Path
) -> None:
    base, newer = takeoff.at_rest(), takeoff.newer()
    with watched(takeoff, tmp_path) as verdict:
        takeoff.run("deploy", "lab", newer)
        takeoff.run("post-deploy", "lab", "--yes")
        refused = takeoff.run("rollback", "lab", base, "--reason", "it is bad", status=3).stderr
        assert f"point_of_no_return: post-deploy migrations of {newer} began" in refused
        assert takeoff.installed() == {newer}
        takeoff.lab.run("deploy-01", BROUGHT_BACK)
        takeoff.run("rollback", "lab", base, "--reason", "bad", "--force", "point_of_no_return=restored the database")
    assert_held(verdict)
    assert takeoff.installed() == {base}
    forced = takeoff.bodies("overridden")[-1]
    assert (forced["name"], forced["reason"]) == ("point_of_no_return", "restored the database")
