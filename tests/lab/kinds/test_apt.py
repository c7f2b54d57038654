"""apt and dpkg of a host: what they do, and what they say when they cannot."""

import re
from collections.abc import Callable, Iterator

import pytest
from debian.debian_support import Version

from tests.lab.running import FIRST, RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., None]

HOST = "sidekiq-01"
NEW, OLD = "17.0.1-ee.0", FIRST
SKIP = 'touch "${TAKEOFF_HOST_ROOT:-}/etc/gitlab/skip-auto-reconfigure"; '
STRICT = "-o APT::Update::Error-Mode=any"
INSTALL = "apt-get install -y -q"


@pytest.fixture(autouse=True)
def published(lab: RunningLab) -> Iterator[None]:
    """A newer version is there and nothing of it is cached; afterwards the host has the old one again."""
    lab.publish(NEW)
    lab.run(HOST, f"{SKIP} apt-get clean; apt-get update -q {STRICT}; {INSTALL} --allow-downgrades gitlab-ee={OLD}")
    yield
    lab.run(HOST, f"{SKIP} dpkg --configure -a; {INSTALL} --allow-downgrades gitlab-ee={OLD}")


def version(lab: RunningLab) -> str:
    return lab.run(HOST, "dpkg-query -W -f='${Version} ${db:Status-Abbrev}' gitlab-ee").strip()


def test_downloading_installs_nothing(lab: RunningLab) -> None:
    lab.run(HOST, f"{INSTALL} --download-only gitlab-ee={NEW}")
    assert version(lab) == f"{OLD} ii"
    assert f"gitlab-ee_{NEW}_amd64.deb" in lab.run(HOST, 'ls "${TAKEOFF_HOST_ROOT:-}/var/cache/apt/archives"')


def test_what_was_downloaded_is_installed_without_the_repository(lab: RunningLab, broken: Break) -> None:
    lab.run(HOST, f"{INSTALL} -d gitlab-ee={NEW}")
    broken("repository-down")
    said = lab.run(HOST, f"{SKIP} {INSTALL} gitlab-ee={NEW}")
    assert f"Unpacking gitlab-ee ({NEW}) over ({OLD})" in said
    assert version(lab) == f"{NEW} ii"


def test_madison_lists_versions_newest_first(lab: RunningLab) -> None:
    rows = lab.run(HOST, "apt-cache madison gitlab-ee").splitlines()
    versions = [row.split("|")[1].strip() for row in rows]
    assert {NEW, OLD} <= set(versions)
    assert versions == sorted(versions, key=Version, reverse=True)
    assert re.fullmatch(r" *gitlab-ee \| \S+ \| http://\S+ bookworm/main amd64 Packages", rows[0])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(f"{INSTALL} gitlab-ee=9.9.9", "E: Version '9.9.9' for 'gitlab-ee' was not found", id="version"),
        pytest.param(f"{INSTALL} gitlab-xe", "E: Unable to locate package gitlab-xe", id="package"),
        pytest.param("apt-get conquer", "E: Invalid operation conquer", id="operation"),
    ],
)
def test_what_is_not_there_is_refused(lab: RunningLab, command: str, message: str) -> None:
    assert lab.refused(HOST, command, 100).splitlines()[-1] == message


def test_a_downgrade_wants_to_be_allowed(lab: RunningLab) -> None:
    lab.run(HOST, f"{SKIP} {INSTALL} gitlab-ee={NEW}")
    said = lab.refused(HOST, f"{INSTALL} gitlab-ee={OLD}", 100)
    assert "E: Packages were downgraded and -y was used without --allow-downgrades." in said
    lab.run(HOST, f"{INSTALL} --allow-downgrades gitlab-ee={OLD}")
    assert version(lab) == f"{OLD} ii"


def test_a_held_package_wants_to_be_allowed_and_is_not_held_afterwards(lab: RunningLab, broken: Break) -> None:
    broken("package-held", HOST)
    assert lab.run(HOST, "apt-mark showhold") == "gitlab-ee\n"
    said = lab.refused(HOST, f"{INSTALL} gitlab-ee={NEW}", 100)
    assert "E: Held packages were changed and -y was used without --allow-change-held-packages." in said
    lab.run(HOST, f"{SKIP} {INSTALL} --allow-change-held-packages gitlab-ee={NEW}")
    assert version(lab) == f"{NEW} ii"
    assert lab.run(HOST, "apt-mark showhold") == ""


def test_a_lock_of_another_program_is_named(lab: RunningLab, broken: Break) -> None:
    broken("lock", HOST)
    holder = r"Could not get lock /var/lib/dpkg/lock-frontend\. It is held by process \d+ \(\S+\)"
    gave_up = "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?"
    at_once = lab.refused(HOST, f"{INSTALL} gitlab-ee={NEW}", 100)
    assert re.search(f"E: {holder}", at_once)
    assert gave_up in at_once
    # At `quiet` 1, which -q and a pipe mean, apt 2.6 says this by chance alone: OpProgress::CheckChange returns
    # before it sets MajorChange, which no constructor has set either (apt-pkg/contrib/progress.cc).
    later = lab.refused(HOST, f"apt-get install -y -o quiet=0 -o DPkg::Lock::Timeout=1 gitlab-ee={NEW}", 100)
    assert re.search(f"Waiting for cache lock: {holder}", later)
    assert gave_up in later


def test_after_an_interruption_dpkg_wants_to_be_configured(lab: RunningLab, broken: Break) -> None:
    broken("interrupted", HOST)
    said = lab.refused(HOST, f"{INSTALL} gitlab-ee={NEW}", 100)
    assert "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'" in said
    lab.run(HOST, "dpkg --configure -a")
    lab.run(HOST, f"{SKIP} {INSTALL} gitlab-ee={NEW}")


def test_a_kill_while_a_script_runs_leaves_the_package_half_configured(lab: RunningLab, broken: Break) -> None:
    broken("reconfigure-slow", HOST)
    lab.run(
        HOST,
        f"""rm -f "${{TAKEOFF_HOST_ROOT:-}}/etc/gitlab/skip-auto-reconfigure"
        setsid {INSTALL} gitlab-ee={NEW} >/dev/null 2>&1 </dev/null &
        echo $! >"${{TAKEOFF_HOST_ROOT:-}}/tmp/apt\"""",
    )
    eventually(lambda: version(lab) == f"{NEW} iF", "the package's script runs")
    lab.run(HOST, 'kill -KILL "-$(cat "${TAKEOFF_HOST_ROOT:-}/tmp/apt")"')
    assert "only half configured" in lab.run(HOST, "dpkg --audit")
    lab.mend("reconfigure-slow", HOST)
    configure = f"{SKIP} dpkg --configure -a && gitlab-ctl start"
    eventually(lambda: lab.kind.run(HOST, configure).status == 0, "the killed ones have let go of the lock")
    assert version(lab) == f"{NEW} ii"
    assert lab.run(HOST, "dpkg --audit") == ""


def test_a_full_disk_leaves_the_old_version_installed(lab: RunningLab, broken: Break) -> None:
    lab.run(HOST, f"{SKIP} {INSTALL} -d gitlab-ee={NEW}")
    broken("disk-full", HOST)
    assert "No space left on device" in lab.refused(HOST, f"{INSTALL} gitlab-ee={NEW}", 100)
    assert version(lab) == f"{OLD} ii"
    assert " 0 100% " in re.sub(r" +", " ", lab.run(HOST, 'df -P "${TAKEOFF_HOST_ROOT:-}/var"'))


def test_a_package_whose_preinst_fails_is_not_unpacked(lab: RunningLab, broken: Break) -> None:
    broken("preinst", HOST)
    said = lab.refused(HOST, f"{SKIP} {INSTALL} gitlab-ee={NEW}", 100)
    assert "pre-installation script subprocess returned error exit status 1" in said
    assert version(lab) == f"{OLD} ii"
    lab.mend("preinst", HOST)
    lab.run(HOST, f"{INSTALL} gitlab-ee={NEW}")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param("repository-404", "404  Not Found", id="missing"),
        pytest.param("repository-corrupt", "Hash Sum mismatch", id="altered"),
        pytest.param("repository-down", r"Could not connect to [\d.]+:\d+", id="down"),
    ],
)
def test_a_package_that_does_not_arrive_as_it_should_is_refused(
    lab: RunningLab, broken: Break, fault: str, message: str
) -> None:
    broken(fault)
    said = lab.refused(HOST, f"{INSTALL} gitlab-ee={NEW}", 100)
    assert re.search(f"E: Failed to fetch http://.*  {message}", said)
    assert version(lab) == f"{OLD} ii"
    lab.mend(fault)
    lab.run(HOST, f"{SKIP} {INSTALL} gitlab-ee={NEW}")


def test_a_slow_repository_delivers_in_the_end_but_not_soon(lab: RunningLab, broken: Break) -> None:
    broken("repository-slow")
    download = f"{INSTALL} -d gitlab-ee={NEW}"
    assert lab.kind.run(HOST, f"timeout 1 {download}").status == 124
    lab.mend("repository-slow")
    lab.run(HOST, download)


def test_an_index_with_a_wrong_signature_is_not_taken_over(lab: RunningLab, broken: Break) -> None:
    broken("repository-unsigned")
    failed = "An error occurred during the signature verification."
    assert failed in lab.refused(HOST, f"apt-get update -q {STRICT}", 100)
    assert f"W: {failed}" in lab.run(HOST, "apt-get update -q"), "as in apt: the old index is used on, with a warning"


def test_a_host_without_an_index_does_not_accept_a_wrong_signature(lab: RunningLab, broken: Break) -> None:
    broken("repository-unsigned")
    said = lab.refused(HOST, 'rm -rf "${TAKEOFF_HOST_ROOT:-}"/var/lib/apt/lists/*; apt-get update -q', 100)
    assert "is not signed." in said
    lab.mend("repository-unsigned")
    lab.run(HOST, f"apt-get update -q {STRICT}")


def test_a_repository_that_does_not_answer_is_a_warning_unless_errors_count(lab: RunningLab, broken: Break) -> None:
    broken("repository-down")
    lab.run(HOST, "apt-get update -q")
    lab.refused(HOST, f"apt-get update -q {STRICT}", 100)


def test_an_update_can_be_narrowed_to_one_source(lab: RunningLab) -> None:
    other = '"${TAKEOFF_HOST_ROOT:-}/etc/apt/sources.list.d/other.list"'
    narrow = "-o Dir::Etc::sourcelist=sources.list.d/gitlab_gitlab-ee.list -o Dir::Etc::sourceparts=-"
    lab.run(HOST, f'echo "deb http://127.0.0.1:1 bookworm main" >{other}')
    try:
        lab.refused(HOST, f"apt-get update -q {STRICT}", 100)
        lab.run(HOST, f"apt-get update -q {STRICT} {narrow}")
    finally:
        lab.run(HOST, f"rm {other}")


@pytest.mark.parametrize(
    ("left", "operator", "right"),
    [
        pytest.param("13.1.0-rc42.ee.0", "gt", "13.1.0-ee.0", id="a candidate sorts after its release"),
        pytest.param("19.4.202608251011-7e4e62b2495.8c5d3d98386", "gt", "19.4.0-ee.0", id="auto-deploy"),
        pytest.param("17.9.0-ee.0", "lt", "17.10.0-ee.0", id="numbers, not letters"),
    ],
)
def test_versions_are_compared_as_debian_does(lab: RunningLab, left: str, operator: str, right: str) -> None:
    assert lab.kind.run(HOST, f"dpkg --compare-versions {left} {operator} {right}").status == 0
    assert lab.kind.run(HOST, f"dpkg --compare-versions {right} {operator} {left}").status == 1
