"""Which package is deployed next, and why each other one is passed over."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from takeoff.core.candidates import Candidate, SelectionRules, select
from takeoff.core.package_settings import UpgradePath, VersionKind
from takeoff.core.upgrade_path import UpgradeRule
from takeoff.core.versions import PackageVersion

PLATFORMS = frozenset({("", "amd64")})


def build(version: str, distribution: str = "", architecture: str = "amd64", sha256: str = "a" * 64) -> Candidate:
    return Candidate("gitlab-ee", PackageVersion.parse(version), distribution, architecture, sha256, 10, "a source")


def rules(
    deployed: str = "17.4.0-ee.0",
    *,
    kinds: tuple[VersionKind, ...] = (VersionKind.RELEASE,),
    rejected: Mapping[str, str] = {},
    platforms: frozenset[tuple[str, str]] = PLATFORMS,
) -> SelectionRules:
    return SelectionRules(
        kinds=frozenset(kinds),
        deployed=PackageVersion.parse(deployed) if deployed else None,
        rejected=rejected,
        path=UpgradeRule(UpgradePath(), "gitlab-ee"),
        platforms=platforms,
    )


def test_the_newest_that_qualifies_is_chosen_and_every_other_has_its_reason() -> None:
    held = [
        "17.3.9-ee.0",
        "17.4.0-ee.0",
        "17.4.1-ee.0",
        "17.5.0-ee.0",
        "17.5.0-rc3.ee.0",
        "17.5.1-ee.0",
        "17.6.0-ee.0",
        "17.5.0+rnightly.159756.b2b5f05e-0",
    ]

    selection = select([build(version) for version in held], rules(rejected={"17.5.1-ee.0": "500s on the web hosts"}))

    assert str(selection.version) == "17.5.0-ee.0"
    assert {one.version: one.reason for one in selection.passed_over} == {
        "17.6.0-ee.0": "jumps over 17.5, a required stop of the upgrade path: deploy that first",
        "17.5.1-ee.0": "was rejected: 500s on the web hosts",
        "17.5.0+rnightly.159756.b2b5f05e-0": "is of kind nightly, and package.kinds accepts release",
        "17.5.0-rc3.ee.0": "is of kind release_candidate, and package.kinds accepts release",
        "17.4.1-ee.0": "is older than 17.5.0-ee.0",
        "17.4.0-ee.0": "is deployed",
        "17.3.9-ee.0": "is older than the deployed 17.4.0-ee.0",
    }
    assert len(selection.passed_over) == len(held) - 1


def test_a_release_is_chosen_over_its_candidate_and_its_auto_deploy_though_dpkg_sorts_it_below() -> None:
    held = ["17.5.0-ee.0", "17.5.0-rc42.ee.0", "17.5.202608251011-7e4e62b2495.8c5d3d98386"]
    kinds = (VersionKind.RELEASE, VersionKind.RELEASE_CANDIDATE, VersionKind.AUTO_DEPLOY)
    assert str(select(map(build, held), rules(kinds=kinds)).version) == "17.5.0-ee.0"


def test_the_newest_auto_deploy_is_the_last_in_time() -> None:
    held = ["17.5.202608251011-7e4e62b2495.8c5d3d98386", "17.5.202608250100-ffffffff495.8c5d3d98386"]
    selection = select(map(build, held), rules(kinds=(VersionKind.AUTO_DEPLOY,)))
    assert str(selection.version) == held[0]


def test_nothing_is_chosen_before_it_is_recorded_what_the_fleet_runs() -> None:
    selection = select([build("17.5.0-ee.0")], rules(deployed=""))
    assert selection.version is None
    assert "run `takeoff adopt` first" in selection.passed_over[0].reason


def test_a_version_of_another_form_than_the_deployed_is_not_guessed_to_be_newer() -> None:
    kinds = (VersionKind.RELEASE, VersionKind.OTHER)
    selection = select([build("18.0.0+internal3-0")], rules(kinds=kinds))
    assert "is of another form than the deployed 17.4.0-ee.0" in selection.passed_over[0].reason


@pytest.mark.parametrize(
    ("builds", "reason"),
    [
        ([("jammy", "amd64"), ("noble", "amd64")], None),
        ([("jammy", "all"), ("noble", "amd64")], None),
        ([("jammy", "amd64")], "is not there for noble amd64"),
        ([("jammy", "amd64"), ("noble", "arm64")], "is not there for noble amd64"),
    ],
    ids=["everywhere", "for all architectures", "one distribution lacks it", "one architecture lacks it"],
)
def test_a_version_is_there_for_the_whole_fleet_or_not_at_all(
    builds: list[tuple[str, str]], reason: str | None
) -> None:
    held = [build("17.4.1-ee.0", *platform) for platform in builds]
    selection = select(held, rules(platforms=frozenset({("jammy", "amd64"), ("noble", "amd64")})))
    assert [one.reason for one in selection.passed_over] == ([reason] if reason else [])
    assert (selection.version is None) == bool(reason)
    assert len(selection.builds) == (0 if reason else len(builds))


def test_one_version_with_two_contents_is_not_deployed() -> None:
    held = [build("17.4.1-ee.0"), build("17.4.1-ee.0", sha256="b" * 64)]
    (passed,) = select(held, rules()).passed_over
    assert passed.reason == "is offered with different contents for amd64: which one is meant cannot be told"


def test_the_same_build_named_by_two_suites_counts_once() -> None:
    assert len(select([build("17.4.1-ee.0")] * 2, rules()).builds) == 1
