"""Hosts that were left behind or rebuilt, brought back with the command alone, on real SSH hosts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from tests.cli.conftest import Command

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

V0, V1 = "17.0.0-ee.0", "17.1.0-ee.0"


def host(takeoff: Command, name: str) -> dict[str, str]:
    return next(one for one in takeoff.json("status", "lab")["hosts"] if one["host"] == name)


def allow_one_unreachable(takeoff: Command) -> None:
    path = takeoff.lab.state.folder / "environments" / "lab.yml"
    environment = yaml.safe_load(path.read_text()) | {"failure_budget": {"unreachable": 1}}
    path.write_text(yaml.safe_dump(environment, sort_keys=False))


def test_where_every_host_is_as_recorded_nothing_is_opened(takeoff: Command) -> None:
    before = takeoff.entries()
    assert "every host of lab is as recorded" in takeoff.run("converge", "lab").stdout
    assert takeoff.entries() == before


@pytest.mark.parametrize(
    ("name", "told"),
    [("web-99", "has no host 'web-99'"), ("deploy-01", "is the blessed node")],
    ids=["unknown", "blessed"],
)
def test_a_host_that_cannot_converge_is_wrong_usage(takeoff: Command, name: str, told: str) -> None:
    assert told in takeoff.run("converge", "lab", name, status=2).stderr


def test_a_rebuilt_host_without_the_package_gets_the_recorded_version_and_serves(takeoff: Command) -> None:
    takeoff.lab.ssh("web-02", 'gitlab-ctl stop; : >"$TAKEOFF_HOST_ROOT/var/lib/dpkg/status"', check=True)
    assert host(takeoff, "web-02")["installed"] == ""
    done = takeoff.run("converge", "lab", "web-02", "--reason", "new disk")
    assert f"web-02 runs {V0}" in done.stdout
    assert "web-01" not in done.stdout
    assert (host(takeoff, "web-02")["installed"], host(takeoff, "web-02")["serving"]) == (V0, "UP")
    assert takeoff.json("lease", "lab")["operation"] == ""


@pytest.mark.soak
def test_a_host_left_behind_blocks_post_deploy_migrations_until_it_converged(
    takeoff: Command, broken: Callable[..., None]
) -> None:
    allow_one_unreachable(takeoff)
    takeoff.lab.publish(V1)
    broken("power", "web-02")
    takeoff.run("deploy", "lab", V1, "--skip", "hosts=web-02 has no power")
    assert list(takeoff.json("status", "lab")["left_behind"]) == ["web-02"]
    refused = takeoff.run("post-deploy", "lab", "--yes", status=3).stderr
    assert "left behind: web-02" in refused
    assert "takeoff converge lab" in refused
    assert "web-02" in takeoff.run("converge", "lab", status=3).stderr

    takeoff.lab.mend("power", "web-02")
    takeoff.run("converge", "lab")
    status = takeoff.json("status", "lab")
    assert status["left_behind"] == {}
    assert status["operation"]["kind"] == "converge"
    assert (host(takeoff, "web-02")["installed"], host(takeoff, "web-02")["serving"]) == (V1, "UP")
    takeoff.run("post-deploy", "lab", "--yes")
