import shutil
import subprocess
from pathlib import Path

import pytest
from debian.debfile import DebFile

from lab.application.package import build_package, minimum_release
from lab.application.schema import column_of, migrations_of, release_of


def test_the_same_version_built_twice_is_the_same_file(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    first, second = (build_package("17.1.0-ee.0", tmp_path / name, 100_000) for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size >= 100_000


def test_the_package_names_its_version_everywhere(tmp_path: Path) -> None:
    package = DebFile(str(build_package("17.1.202606011200-3e1fd8c0f24.8c5d3d98386", tmp_path)))
    assert package.debcontrol()["Version"] == "17.1.202606011200-3e1fd8c0f24.8c5d3d98386"
    assert package.data.get_content("opt/gitlab/version-manifest.txt").startswith(b"gitlab-ee 17.1.202606011200-")


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_dpkg_itself_reads_the_package(tmp_path: Path) -> None:
    package = build_package("17.1.0-ee.0", tmp_path)
    listing = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    assert "-rwxr-xr-x" in next(line for line in listing.splitlines() if line.endswith("./usr/bin/gitlab-ctl"))


@pytest.mark.parametrize(
    ("version", "minimum"),
    [
        pytest.param("17.0.0-ee.0", (16, 11), id="a new major release"),
        pytest.param("17.2.1-ee.0", (16, 11), id="a stop itself"),
        pytest.param("17.3.0-ee.0", (17, 2), id="after a stop"),
        pytest.param("18.1.0-ee.0", (17, 11), id="the last stop of the major release before"),
    ],
)
def test_the_oldest_version_to_upgrade_from_is_the_last_required_stop(version: str, minimum: tuple[int, int]) -> None:
    assert minimum_release(version) == minimum


def test_each_release_adds_a_column_and_later_removes_the_one_before() -> None:
    before, after = migrations_of("17.0.3-ee.0"), migrations_of("17.1.0-ee.0")
    assert after[: len(before)] == before
    added = after[len(before) :]
    assert [migration.kind for migration in added] == ["regular", "post"]
    assert column_of((17, 1)) in added[0].sql[0]
    assert f"DROP COLUMN IF EXISTS {column_of((17, 0))}" in added[1].sql[0]


def test_migrations_run_in_the_order_of_their_numbers() -> None:
    numbers = [migration.id for migration in migrations_of("18.3.0-ee.0")]
    assert numbers == sorted(set(numbers))
    assert all(len(number) == 14 for number in numbers)


def test_a_patch_release_has_no_migrations_of_its_own() -> None:
    assert migrations_of("17.1.5-ee.0") == migrations_of("17.1.0-ee.0")


def test_what_does_not_begin_with_two_numbers_is_no_version() -> None:
    with pytest.raises(
        ValueError, match=r"'latest' is no version of the application: expected something like 17\.1\.0"
    ):
        release_of("latest")
