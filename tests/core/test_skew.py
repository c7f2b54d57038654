"""Mixes of versions that a plan can pass through."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.errors import Refused
from takeoff.core.skew import NEVER_OLDER_THAN, Move, forbidden_mixes, refuse_forbidden_mixes
from takeoff.core.versions import PackageVersion

OLD, NEW = "17.1.0-ee.0", "17.2.0-ee.0"
ROLES = {"gitaly-1": "gitaly", "gitaly-2": "gitaly", "praefect-1": "praefect", "web-1": "web", "sidekiq-1": "sidekiq"}


def moves(*roles: str) -> list[Move]:
    return [Move(f"main.{role}", tuple(host for host, r in ROLES.items() if r == role)) for role in roles]


def all_on(version: str) -> dict[str, str]:
    return dict.fromkeys(ROLES, version)


def test_a_deploy_that_moves_gitaly_first_is_allowed() -> None:
    assert forbidden_mixes(ROLES, all_on(OLD), NEW, moves("gitaly", "praefect", "web", "sidekiq")) == ()


def test_a_deploy_that_moves_web_before_gitaly_is_refused_with_the_mix_named() -> None:
    with pytest.raises(Refused) as refused:
        refuse_forbidden_mixes(ROLES, all_on(OLD), NEW, moves("web", "gitaly", "praefect", "sidekiq"))
    assert refused.value.name == "skew"
    assert f"during main.web, web-1 could run {NEW} while gitaly-1, which serves it, still runs {OLD}" in str(
        refused.value
    )


def test_a_rollback_that_moves_gitaly_last_is_allowed() -> None:
    assert forbidden_mixes(ROLES, all_on(NEW), OLD, moves("web", "sidekiq", "praefect", "gitaly")) == ()


def test_a_rollback_that_moves_gitaly_first_is_refused() -> None:
    mixes = forbidden_mixes(ROLES, all_on(NEW), OLD, moves("gitaly", "praefect", "web", "sidekiq"))
    assert {(mix.task, mix.client) for mix in mixes} >= {("main.gitaly", "web-1"), ("main.gitaly", "praefect-1")}


def test_a_canary_that_moves_web_while_main_s_gitaly_is_old_is_refused() -> None:
    roles = {"cny-gitaly": "gitaly", "cny-web": "web", "main-gitaly": "gitaly", "main-web": "web"}
    steps = [Move(host.replace("-", "."), (host,)) for host in roles]
    mixes = forbidden_mixes(roles, dict.fromkeys(roles, OLD), NEW, steps)
    assert [(mix.task, mix.server) for mix in mixes] == [("cny.web", "main-gitaly")]


def test_a_rollback_out_of_a_half_done_deploy_is_allowed() -> None:
    half = all_on(OLD) | {"gitaly-1": NEW, "gitaly-2": NEW, "praefect-1": NEW, "web-1": NEW}
    assert forbidden_mixes(ROLES, half, OLD, moves("web", "sidekiq", "praefect", "gitaly")) == ()


def test_a_mix_that_is_there_before_the_plan_is_not_held_against_it() -> None:
    wrong = all_on(OLD) | {"web-1": NEW}
    assert forbidden_mixes(ROLES, wrong, OLD, moves("web")) == ()


def test_hosts_without_the_package_serve_nobody() -> None:
    installed = all_on(OLD)
    del installed["gitaly-2"]
    assert forbidden_mixes(ROLES, installed, NEW, moves("gitaly", "praefect", "web", "sidekiq")) == ()


@given(
    order=st.permutations(["gitaly", "praefect", "web", "sidekiq"]),
    start=st.sampled_from([OLD, NEW]),
)
def test_rule_4_the_check_agrees_with_walking_through_every_mix(order: list[str], start: str) -> None:
    target = OLD if start == NEW else NEW
    steps = moves(*order)
    bad = False
    now = all_on(start)
    for move in steps:
        for done in itertools.chain.from_iterable(
            itertools.combinations(sorted(move.hosts), size) for size in range(len(move.hosts) + 1)
        ):
            mix = now | dict.fromkeys(done, target)
            bad |= any(
                PackageVersion.parse(mix[server]) < PackageVersion.parse(mix[client])
                for server, client in itertools.permutations(ROLES, 2)
                if ROLES[client] in NEVER_OLDER_THAN.get(ROLES[server], ())
            )
        now |= dict.fromkeys(move.hosts, target)
    assert bool(forbidden_mixes(ROLES, all_on(start), target, steps)) is bad
