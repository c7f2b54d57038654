"""What is made of a host's facts."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from takeoff.core.environment import Environment
from takeoff.core.gates import Weight
from takeoff.core.host_facts import HostFacts, judge
from takeoff.core.operation import Artifact

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD, NEW = "17.1.0-ee.0", "17.2.0-ee.0"
GOOD = HostFacts(
    host="web-1", hostname="web-1", boot_id="1", architecture="amd64", clock=NOW.timestamp(), epoch=0, authority="",
    point_of_no_return="", version=OLD, status="install ok installed", audit="", lock_holder="", held=False,
    free_mib=50000, archives_free_mib=50000, memory_mib=4000, skip_file=False, auto_migrate="false", running_jobs=(),
)  # fmt: skip


def environment(package: str = "gitlab-ee", **settings: Any) -> Environment:
    return Environment.model_validate(
        {
            "name": "lab",
            "package": {
                "name": package,
                "sources": [{"type": "apt", "url": "http://127.0.0.1/", "suites": ["bookworm"], "keyring": "key.gpg"}],
            },
            "ssh": {},
            "deploy_node": "deploy-01",
            "stages": [{"name": "main", "roles": {"web": ["web-[1:2]"]}}],
        }
        | settings
    )


def findings(env: Environment | None = None, wanted: str = NEW, size: int = 0, **changes: Any) -> list[tuple[str, str]]:
    facts = dataclasses.replace(GOOD, **changes)
    artifacts = (Artifact(sha256="a" * 64, size=size),)
    found = judge(facts, env or environment(), now=NOW, version=wanted, artifacts=artifacts)
    assert all(finding.host == facts.host and finding.gate == "hosts" for finding in found)
    return [(finding.weight.value, finding.message) for finding in found]


def test_a_good_host_has_no_findings() -> None:
    assert findings() == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"free_mib": 100}, "100 MiB are free, 10240 are needed", id="disk"),
        pytest.param({"auto_migrate": "true"}, "auto_migrate is not off", id="it migrates"),
        pytest.param({"auto_migrate": ""}, "auto_migrate is not off", id="it says nothing, and Omnibus' default is on"),
        pytest.param({"architecture": "arm64"}, "it is of architecture arm64", id="architecture"),
        pytest.param({"clock": NOW.timestamp() + 400}, "its clock is 400 s ahead", id="clock"),
    ],
)
def test_what_blocks(changes: dict[str, Any], told: str) -> None:
    ((weight, message),) = findings(**changes)
    assert weight == Weight.BLOCKS
    assert told in message


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({"version": "", "status": ""}, "is not installed", id="not installed"),
        pytest.param({"status": "install ok half-configured"}, "dpkg was interrupted", id="half-configured"),
        pytest.param({"audit": "packages are only half configured"}, "only half configured", id="audit"),
        pytest.param({"held": True}, "is on hold", id="hold"),
        pytest.param({"lock_holder": "apt-get (pid 7)"}, "held by apt-get (pid 7)", id="lock"),
        pytest.param({"skip_file": True}, "was left behind", id="skip file"),
        pytest.param({"clock": NOW.timestamp() - 60}, "its clock is 60 s behind", id="clock"),
        pytest.param({"memory_mib": 100}, "only 100 MiB of memory", id="memory"),
        pytest.param({"running_jobs": ("lab-1/web-1/install",)}, "job lab-1/web-1/install runs", id="job"),
    ],
)
def test_what_is_told_and_blocks_nothing(changes: dict[str, Any], told: str) -> None:
    ((weight, message),) = findings(**changes)
    assert weight == Weight.TOLD
    assert told in message


def test_a_host_that_runs_the_version_needs_no_space() -> None:
    assert findings(wanted=OLD, free_mib=1, archives_free_mib=0) == []


def test_the_download_must_fit_where_apt_keeps_it() -> None:
    assert "the package needs 1405" in findings(size=1_473_688_978, archives_free_mib=1000)[0][1]


def test_the_deploy_node_may_migrate() -> None:
    assert findings(host="deploy-01", auto_migrate="true") == []


@pytest.mark.parametrize(
    ("regular", "blocked"),
    [
        pytest.param(["gitlab-ctl reconfigure"], True, id="reconfigure alone would migrate nothing"),
        pytest.param(["gitlab-ctl reconfigure", "gitlab-rake db:migrate"], False, id="rake migrates"),
    ],
)
def test_a_deploy_node_whose_reconfigure_migrates_nothing_blocks(regular: list[str], blocked: bool) -> None:
    env = environment(migrations={"regular": regular})
    assert bool(findings(env, host="deploy-01", auto_migrate="false")) is blocked


def test_a_package_that_is_not_gitlab_knows_no_auto_migrate() -> None:
    assert findings(environment("nginx"), auto_migrate="") == []
