"""Plans of deploys and rollbacks."""

from __future__ import annotations

from typing import Any

import pytest

from takeoff.core.environment import Environment
from takeoff.core.errors import Refused
from takeoff.core.plan import make_plan

OLD, NEW = "17.1.0-ee.0", "17.2.0-ee.0"


def environment(**settings: Any) -> Environment:
    return Environment.model_validate(
        {
            "name": "lab",
            "package": {
                "name": "gitlab-ee",
                "sources": [{"type": "apt", "url": "http://127.0.0.1/", "suites": ["bookworm"], "keyring": "key.gpg"}],
            },
            "ssh": {},
            "deploy_node": "deploy-01",
            "stages": [
                {"name": "shared", "roles": {"gitaly": ["gitaly-[1:2]"]}},
                {"name": "canary", "roles": {"web": ["cny-1"]}},
                {"name": "main", "roles": {"web": ["web-[1:5]"]}},
            ],
            "batch": "50%",
            "floor": "50%",
        }
        | settings
    )


def all_on(version: str) -> dict[str, str]:
    return dict.fromkeys(environment().fleet, version)


def test_a_plan_names_hosts_batch_floor_and_lowest_capacity() -> None:
    plan = make_plan(environment(), NEW, all_on(OLD))
    assert [rollout.task for rollout in plan.rollouts] == ["shared.gitaly", "canary.web", "main.web"]
    main = plan.rollouts[-1]
    assert main.hosts == ("web-1", "web-2", "web-3", "web-4", "web-5")
    assert (main.batch, main.role_hosts, main.floor, main.lowest_serving, main.rounds) == (2, 6, 3, 4, 3)
    assert plan.problems == ()


def test_the_floor_is_never_planned_to_be_passed() -> None:
    plan = make_plan(environment(batch="100%"), NEW, all_on(OLD))
    assert [rollout.lowest_serving for rollout in plan.rollouts] == [1, 5, 3]


def test_hosts_that_run_the_version_stay() -> None:
    plan = make_plan(environment(), NEW, all_on(OLD) | {"web-2": NEW})
    assert plan.rollouts[-1].staying == ("web-2",)
    assert "web-2" not in plan.rollouts[-1].hosts


def test_a_rollback_moves_the_hosts_of_all_stages_role_by_role_gitaly_last() -> None:
    plan = make_plan(environment(), OLD, all_on(NEW), rollback=True)
    assert [(rollout.task, len(rollout.hosts)) for rollout in plan.rollouts] == [
        ("roll_back.web", 6),
        ("roll_back.gitaly", 2),
    ]
    assert plan.problems == ()


def test_a_role_whose_floor_lets_no_host_leave_is_a_problem_that_names_the_key() -> None:
    plan = make_plan(environment(floor="100%"), NEW, all_on(OLD))
    with pytest.raises(Refused, match=r"none could ever leave: add hosts, or lower roles\.gitaly\.floor"):
        plan.refuse()


def test_a_forbidden_mix_is_a_problem_of_the_plan() -> None:
    stages = [
        {"name": "main", "roles": {"web": ["web-[1:5]"], "gitaly": ["gitaly-[1:2]"]}},
    ]
    installed = {host: OLD for host in all_on(OLD) if host != "cny-1"}
    plan = make_plan(environment(stages=stages), NEW, installed)
    with pytest.raises(Refused, match=r"during main\.web, web-1 could run"):
        plan.refuse()
