"""apt and dpkg of a host: what they do, and what they say when they cannot."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.running_lab import Lab

pytestmark = pytest.mark.lab

HOST = "sidekiq-01"
NEW, OLD = "17.0.1-ee.0", "17.0.0-ee.0"
SKIP = 'touch "$TAKEOFF_HOST_ROOT/etc/gitlab/skip-auto-reconfigure"; '


@pytest.fixture(autouse=True)
def published(lab: Lab) -> Iterator[None]:
    """A newer version is there and nothing of it is cached; afterwards the host has the old one again."""
    lab.publish(NEW)
    lab.ssh(HOST, "apt-get clean; apt-get update", check=True)
    yield
    lab.ssh(
        HOST,
        f"{SKIP} apt-get update; dpkg --configure -a; apt-get install -y --allow-downgrades gitlab-ee={OLD}",
        check=True,
    )


def version(lab: Lab) -> str:
    return str(lab.ssh(HOST, "dpkg-query -W -f='${Version} ${db:Status-Abbrev}' gitlab-ee", check=True).stdout).strip()


def test_downloading_installs_nothing(lab: Lab) -> None:
    lab.ssh(HOST, f"apt-get install -y --download-only gitlab-ee={NEW}", check=True)
    assert version(lab) == f"{OLD} ii"
    cached = str(lab.ssh(HOST, 'ls "$TAKEOFF_HOST_ROOT/var/cache/apt/archives"', check=True).stdout)
    assert f"gitlab-ee_{NEW}_amd64.deb" in cached


def test_what_was_downloaded_is_installed_without_the_repository(lab: Lab, broken: Callable[..., None]) -> None:
    lab.ssh(HOST, f"apt-get install -y -d gitlab-ee={NEW}", check=True)
    broken("repository-down")
    lab.ssh(HOST, f"{SKIP} apt-get install -y gitlab-ee={NEW}", check=True)
    assert version(lab) == f"{NEW} ii"


def test_madison_lists_versions_newest_first(lab: Lab) -> None:
    rows = str(lab.ssh(HOST, "apt-cache madison gitlab-ee", check=True).stdout).splitlines()
    assert [row.split("|")[1].strip() for row in rows][:2] == [NEW, OLD]
    assert re.fullmatch(r" *gitlab-ee \| \S+ \| http://127\.0\.0\.1:\d+ bookworm/main amd64 Packages", rows[0])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(
            "apt-get install -y gitlab-ee=9.9.9", "E: Version '9.9.9' for 'gitlab-ee' was not found", id="version"
        ),
        pytest.param("apt-get install -y gitlab-xe", "E: Unable to locate package gitlab-xe", id="package"),
        pytest.param("apt-get conquer", "E: Invalid operation conquer", id="operation"),
    ],
)
def test_what_is_not_there_is_refused(lab: Lab, command: str, message: str) -> None:
    result = lab.ssh(HOST, command)
    assert (result.exit_status, str(result.stderr).strip()) == (100, message)


def test_a_downgrade_wants_to_be_allowed(lab: Lab) -> None:
    lab.ssh(HOST, f"{SKIP} apt-get install -y gitlab-ee={NEW}", check=True)
    refused = lab.ssh(HOST, f"apt-get install -y gitlab-ee={OLD}")
    assert refused.exit_status == 100
    assert "E: Packages were downgraded and -y was used without --allow-downgrades." in str(refused.stderr)
    lab.ssh(HOST, f"apt-get install -y --allow-downgrades gitlab-ee={OLD}", check=True)
    assert version(lab) == f"{OLD} ii"


def test_a_held_package_wants_to_be_allowed_and_stays_held(lab: Lab, broken: Callable[..., None]) -> None:
    broken("package-held", HOST)
    refused = lab.ssh(HOST, f"apt-get install -y gitlab-ee={NEW}")
    assert refused.exit_status == 100
    assert "E: Held packages were changed and -y was used without --allow-change-held-packages." in str(refused.stderr)
    lab.ssh(HOST, f"{SKIP} apt-get install -y --allow-change-held-packages gitlab-ee={NEW}", check=True)
    assert version(lab) == f"{NEW} hi"
    assert str(lab.ssh(HOST, "apt-mark showhold").stdout) == "gitlab-ee\n"


def test_a_lock_of_another_program_is_named(lab: Lab, broken: Callable[..., None]) -> None:
    broken("lock", HOST)
    result = lab.ssh(HOST, f"apt-get install -y -o DPkg::Lock::Timeout=1 gitlab-ee={NEW}")
    assert result.exit_status == 100
    assert "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)" in str(
        result.stderr
    )


def test_after_an_interruption_dpkg_wants_to_be_configured(lab: Lab, broken: Callable[..., None]) -> None:
    broken("interrupted", HOST)
    result = lab.ssh(HOST, f"apt-get install -y gitlab-ee={NEW}")
    assert result.exit_status == 100
    assert "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'" in str(result.stderr)
    lab.ssh(HOST, "dpkg --configure -a", check=True)
    lab.ssh(HOST, f"{SKIP} apt-get install -y gitlab-ee={NEW}", check=True)


def test_a_kill_while_a_script_runs_leaves_the_package_half_configured(lab: Lab, broken: Callable[..., None]) -> None:
    broken("reconfigure-slow", HOST)
    lab.ssh(HOST, 'rm -f "$TAKEOFF_HOST_ROOT/etc/gitlab/skip-auto-reconfigure"', check=True)
    killed = lab.ssh(HOST, f"timeout -s KILL 3 apt-get install -y gitlab-ee={NEW}")
    assert killed.exit_status != 0
    assert version(lab) == f"{NEW} iF"
    assert "only half configured" in str(lab.ssh(HOST, "dpkg --audit", check=True).stdout)
    lab.mend("reconfigure-slow", HOST)
    lab.ssh(HOST, f"{SKIP} dpkg --configure -a", check=True)
    assert version(lab) == f"{NEW} ii"
    assert str(lab.ssh(HOST, "dpkg --audit", check=True).stdout) == ""


def test_a_full_disk_leaves_the_old_version_installed(lab: Lab, broken: Callable[..., None]) -> None:
    lab.ssh(HOST, f"apt-get install -y -d gitlab-ee={NEW}", check=True)
    broken("disk-full", HOST)
    result = lab.ssh(HOST, f"{SKIP} apt-get install -y gitlab-ee={NEW}")
    assert result.exit_status == 100
    assert "No space left on device" in str(result.stderr)
    assert version(lab) == f"{OLD} ii"
    assert " 0 100% " in str(lab.ssh(HOST, 'df -P "$TAKEOFF_HOST_ROOT"', check=True).stdout)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param("repository-404", "404  Not Found", id="missing"),
        pytest.param("repository-corrupt", "Hash Sum mismatch", id="altered"),
        pytest.param("repository-down", r"Could not connect to 127\.0\.0\.1:\d+", id="down"),
    ],
)
def test_a_package_that_does_not_arrive_as_it_should_is_refused(
    lab: Lab, broken: Callable[..., None], fault: str, message: str
) -> None:
    broken(fault)
    result = lab.ssh(HOST, f"apt-get install -y gitlab-ee={NEW}")
    assert result.exit_status == 100
    assert re.search(f"E: Failed to fetch http://.*  {message}", str(result.stderr))
    assert version(lab) == f"{OLD} ii"


def test_an_index_with_a_wrong_signature_is_not_taken_over(lab: Lab, broken: Callable[..., None]) -> None:
    broken("repository-unsigned")
    strict = lab.ssh(HOST, "apt-get update -o APT::Update::Error-Mode=any")
    assert strict.exit_status == 100
    assert "BADSIG" in str(strict.stderr)
    lenient = lab.ssh(HOST, "apt-get update")
    assert lenient.exit_status == 0, "as in apt: the old index is used on, with a warning"
    assert "W: An error occurred during the signature verification." in str(lenient.stderr)


def test_a_host_without_an_index_does_not_accept_a_wrong_signature(lab: Lab, broken: Callable[..., None]) -> None:
    broken("repository-unsigned")
    result = lab.ssh(HOST, 'rm -rf "$TAKEOFF_HOST_ROOT/var/lib/apt/lists"; apt-get update')
    assert result.exit_status == 100
    assert "is not signed." in str(result.stderr)


def test_a_repository_that_does_not_answer_is_a_warning_unless_errors_count(
    lab: Lab, broken: Callable[..., None]
) -> None:
    broken("repository-down")
    assert lab.ssh(HOST, "apt-get update").exit_status == 0
    assert lab.ssh(HOST, "apt-get update -o APT::Update::Error-Mode=any").exit_status == 100


def test_an_update_can_be_narrowed_to_one_source(lab: Lab) -> None:
    other = 'echo "deb http://127.0.0.1:1 bookworm main" >"$TAKEOFF_HOST_ROOT/etc/apt/sources.list.d/other.list"; '
    narrow = "-o Dir::Etc::sourcelist=sources.list.d/gitlab_gitlab-ee.list -o Dir::Etc::sourceparts=-"
    strict = "-o APT::Update::Error-Mode=any"
    try:
        assert lab.ssh(HOST, f"{other} apt-get update {strict}").exit_status == 100
        assert lab.ssh(HOST, f"apt-get update {strict} {narrow}").exit_status == 0
    finally:
        Path(lab.record.hosts[HOST].root, "etc/apt/sources.list.d/other.list").unlink()


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [
        pytest.param("13.1.0-rc42.ee.0", "gt", "13.1.0-ee.0", id="a candidate sorts after its release"),
        pytest.param("19.4.202608251011-7e4e62b2495.8c5d3d98386", "gt", "19.4.0-ee.0", id="auto-deploy"),
        pytest.param("17.9.0-ee.0", "lt", "17.10.0-ee.0", id="numbers, not letters"),
    ],
)
def test_versions_are_compared_as_debian_does(lab: Lab, left: str, operator: str, right: str) -> None:
    assert lab.ssh(HOST, f"dpkg --compare-versions {left} {operator} {right}").exit_status == 0
    assert lab.ssh(HOST, f"dpkg --compare-versions {right} {operator} {left}").exit_status == 1
