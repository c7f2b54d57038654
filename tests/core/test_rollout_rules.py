"""Batch sizes, floors and budgets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.environment import FailureBudget
from takeoff.core.rollout_rules import (
    Budget,
    Moment,
    StageMoves,
    batch_size,
    floor_count,
    may_be_held_out,
    stage_at_floor,
)
from takeoff.core.strict_model import Share

HOSTS = tuple(f"web-{number}" for number in range(8))
SETS = st.frozensets(st.sampled_from(HOSTS))


@pytest.mark.parametrize(
    ("share", "hosts", "expected"),
    [
        pytest.param("10%", 3, 1, id="a share below one host still moves"),
        pytest.param("10%", 39, 3, id="rounded down"),
        pytest.param("3", 2, 2, id="a count is cut to the hosts that there are"),
        pytest.param("50%", 0, 0, id="no hosts"),
    ],
)
def test_batch_size(share: str, hosts: int, expected: int) -> None:
    assert batch_size(Share(share), hosts) == expected


@pytest.mark.parametrize(
    ("share", "hosts", "expected"),
    [
        pytest.param("50%", 3, 2, id="rounded up"),
        pytest.param("50%", 1, 1, id="of one host, one"),
        pytest.param("5", 3, 5, id="a count is not cut"),
        pytest.param("0", 3, 0, id="none"),
    ],
)
def test_floor_count(share: str, hosts: int, expected: int) -> None:
    assert floor_count(Share(share), hosts) == expected


@pytest.mark.parametrize(
    ("stages", "serving", "expected"),
    [
        pytest.param([("canary", True, ()), ("main", True, ())], 3, "", id="one to spare"),
        pytest.param([("canary", True, ()), ("main", True, ())], 2, "canary", id="at the floor"),
        pytest.param([("canary", False, ()), ("main", True, ())], 2, "main", id="nobody leaves in the first stage"),
        pytest.param([("canary", False, ()), ("main", False, ())], 1, "", id="nobody leaves at all"),
        pytest.param([("canary", True, ("web-1",)), ("main", True, ())], 2, "", id="one returns in time"),
        pytest.param([("canary", True, ()), ("main", True, ("web-2",))], 2, "canary", id="one returns too late"),
        pytest.param([("main", True, ("web-1",))], 1, "main", id="one returns, and two are missing"),
    ],
)
def test_the_first_stage_that_can_spare_no_host(
    stages: list[tuple[str, bool, tuple[str, ...]]], serving: int, expected: str
) -> None:
    assert stage_at_floor([StageMoves(*stage) for stage in stages], serving, floor=2) == expected


@pytest.mark.parametrize(
    ("serving", "held_out", "expected"),
    [
        pytest.param("abc", False, True, id="it serves, and the others are enough"),
        pytest.param("ab", False, False, id="it serves, and the floor needs it"),
        pytest.param("bc", False, True, id="it is down, and the others are enough"),
        pytest.param("b", False, False, id="it is down, and the floor needs it when it comes back"),
        pytest.param("b", True, True, id="it is drained: it would not serve if it came back"),
    ],
)
def test_rule_2_a_host_is_held_out_only_if_the_floor_can_do_without_it(
    serving: str, held_out: bool, expected: bool
) -> None:
    assert may_be_held_out("a", frozenset(serving), 2, held_out=held_out) is expected


@pytest.mark.parametrize(("batch", "begins"), [(1, None), (2, None), (3, "c")])
def test_no_host_begins_while_as_many_are_out_as_the_batch_has(batch: int, begins: str | None) -> None:
    moment = Moment(("c", "d"), frozenset("ab"), frozenset("cde"), batch, floor=0)
    assert moment.next_host() == begins


@pytest.mark.parametrize(("floor", "begins"), [(1, "c"), (2, None)])
def test_rule_2_a_host_that_serves_begins_only_above_the_floor(floor: int, begins: str | None) -> None:
    moment = Moment(("c", "d"), frozenset("a"), frozenset("acd"), batch=3, floor=floor)
    assert moment.next_host() == begins


@given(waiting=SETS, out=SETS, serving=SETS, batch=st.integers(1, 8), floor=st.integers(0, 9))
def test_rule_2_a_host_that_begins_keeps_batch_and_floor(
    waiting: frozenset[str], out: frozenset[str], serving: frozenset[str], batch: int, floor: int
) -> None:
    moment = Moment(tuple(sorted(waiting - out)), out, serving, batch, floor)
    host = moment.next_host()
    if host is None:
        return
    assert host in moment.waiting
    assert len(out | {host}) <= batch
    assert host not in serving or len(serving - out - {host}) >= floor


@given(waiting=SETS, out=SETS, serving=SETS, batch=st.integers(1, 8), floor=st.integers(0, 9))
def test_a_host_begins_whenever_one_may(
    waiting: frozenset[str], out: frozenset[str], serving: frozenset[str], batch: int, floor: int
) -> None:
    moment = Moment(tuple(sorted(waiting - out)), out, serving, batch, floor)
    allowed = [
        host for host in moment.waiting if len(out) < batch and (host not in serving or len(serving - out) - 1 >= floor)
    ]
    assert moment.next_host() == (allowed[0] if allowed else None)


@pytest.mark.parametrize(
    ("settings", "failed", "unreachable", "told"),
    [
        pytest.param({}, 0, 0, "", id="nothing failed"),
        pytest.param({}, 1, 0, "1 failed (0 allowed)", id="none may fail by default"),
        pytest.param({"failed": "20%"}, 2, 0, "", id="a share of ten"),
        pytest.param({"unreachable": 1}, 0, 2, "2 unreachable (1 allowed)", id="over the count"),
        pytest.param({"failed": 1}, 2, 1, "2 failed (1 allowed) and 1 unreachable (0 allowed)", id="both"),
    ],
)
def test_a_spent_budget_is_named(settings: dict[str, str], failed: int, unreachable: int, told: str) -> None:
    budget = Budget.of(FailureBudget.model_validate(settings), 10)
    assert budget.spent_by(failed, unreachable) == told
