"""What a person may force in a rollback, and what a forced verdict says (safety rules 4 and 8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.errors import ConfigError
from takeoff.core.gates import AUTHORITY, Finding, Weight
from takeoff.core.rollback_force import check_force, forced_in, with_force
from takeoff.core.rollback_refusals import FORCEABLE, MIGRATING, NEVER_FORCED, NO_RETURN, PACKAGE, ROOM, SKEW
from takeoff.core.verdict import Verdict


def verdict(*gates: str, weight: Weight = Weight.BLOCKS) -> Verdict:
    findings = tuple(Finding(gate=gate, weight=weight, message="told") for gate in gates)
    return Verdict(
        environment="lab",
        version="17.0.0-ee.0",
        from_version="17.1.0-ee.0",
        reachable=not (gates and weight is Weight.BLOCKS),
        refusals=findings,
        targets=(),
    )


@pytest.mark.parametrize(
    ("force", "told"),
    [
        ({MIGRATING: "now"}, "can never be forced"),
        ({AUTHORITY: "now"}, "can never be forced"),
        ({PACKAGE: "now"}, "can never be forced"),
        ({ROOM: "now"}, "can never be forced"),
        ({"weather": "now"}, "there is no refusal 'weather'"),
        ({SKEW: "  "}, "needs a reason"),
    ],
    ids=["migrations run", "journal", "no package", "floor", "unknown", "no reason"],
)
def test_what_cannot_be_forced_is_said_with_what_can(force: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as refused:
        check_force(force)
    if "reason" not in told:
        assert NO_RETURN in str(refused.value)


@pytest.mark.parametrize("name", FORCEABLE)
def test_a_forced_refusal_passes_with_its_reason(name: str) -> None:
    check_force({name: "database restored"})
    forced = with_force(verdict(name), {name: "database restored"})
    assert forced.reachable
    assert forced_in(forced.refusals) == {name: "database restored"}


def test_forcing_one_refusal_leaves_the_others() -> None:
    forced = with_force(verdict(NO_RETURN, SKEW), {NO_RETURN: "database restored"})
    assert not forced.reachable
    assert [one.weight for one in forced.refusals] == [Weight.SKIPPED, Weight.BLOCKS]


def test_what_does_not_block_is_not_forced_and_nothing_is_journalled_for_it() -> None:
    told = verdict(SKEW, weight=Weight.TOLD)
    assert with_force(told, {SKEW: "why"}) == told
    assert forced_in(told.refusals) == {}


@given(
    st.sets(st.sampled_from((*FORCEABLE, *NEVER_FORCED))),
    st.dictionaries(st.sampled_from((*FORCEABLE, *NEVER_FORCED)), st.just("why")),
)
def test_rule_4_no_force_passes_what_is_never_forced(gates: set[str], force: dict[str, str]) -> None:
    forced = with_force(verdict(*sorted(gates)), force)
    blocking = {one.gate for one in forced.refusals if one.weight is Weight.BLOCKS}
    assert blocking >= gates & set(NEVER_FORCED)
    assert blocking == gates - (set(force) & set(FORCEABLE))
    assert forced.reachable is not bool(blocking)
