"""A plan's mark changes with everything that it was made on, and says with what."""

from __future__ import annotations

from typing import Any

import pytest

from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError, Refused
from takeoff.core.journal_entries import HoldSet, Noted
from takeoff.core.plan import make_plan
from takeoff.core.plan_mark import changed_parts, check_mark, plan_mark, refuse_changed
from takeoff.core.record import Record
from tests.core.conftest import SMALL
from tests.core.records import adopted, fold, opened

OLD, NEW = "17.0.0-ee.0", "17.1.0-ee.0"
MORE = SMALL.replace("web-[01:04]", "web-[01:05]")
RECORD = adopted(OLD)


def mark(text: str = SMALL, version: str = NEW, sha: str = "0" * 64, record: Record = RECORD, **installed: str) -> str:
    environment = parse_environment(text, "lab.yml").environment
    versions = dict.fromkeys(parse_environment(SMALL, "lab.yml").environment.fleet, OLD)
    changed = {host.replace("_", "-"): what for host, what in installed.items()}
    return plan_mark(make_plan(environment, version, versions | changed), environment, sha, record)


def test_the_same_plan_has_the_same_mark() -> None:
    assert mark() == mark()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        pytest.param({"version": "17.2.0-ee.0"}, "the version or the environment file", id="another version"),
        pytest.param({"sha": "1" * 64}, "the version or the environment file", id="another file"),
        pytest.param({"text": MORE}, "the inventory", id="another host"),
        pytest.param({"web_01": NEW}, "the installed versions", id="another installed version"),
        pytest.param({"record": fold(opened(1, NEW), record=RECORD)}, "the lease", id="an operation opened"),
    ],
)
def test_each_change_is_named(change: dict[str, Any], part: str) -> None:
    assert changed_parts(mark(), mark(**change)) == (part,)


def test_a_later_driver_of_the_open_operation_is_a_change_of_the_lease() -> None:
    one = fold(opened(1, NEW), record=RECORD)
    later = one.model_copy(update={"epoch": one.epoch + 1})
    assert changed_parts(mark(record=one), mark(record=later)) == ("the lease",)


def test_a_note_or_a_pause_in_the_journal_changes_no_plan() -> None:
    noted = fold(Noted(text="looked at"), HoldSet(reason="maintenance"), record=RECORD)
    assert mark() == mark(record=noted)


def test_a_deploy_that_is_not_as_planned_is_refused_in_one_sentence_that_names_the_changes() -> None:
    environment = parse_environment(SMALL, "lab.yml").environment
    plan = make_plan(environment, NEW, {})
    refuse_changed(mark(), mark(), plan)
    with pytest.raises(Refused, match="the inventory and the installed versions changed since plan") as refused:
        refuse_changed(mark(), mark(text=MORE, web_01=NEW), plan)
    assert refused.value.name == "plan"
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["1234abcd", "zzzzzzzz-00000000-00000000-00000000", "plan"])
def test_what_is_no_mark_is_wrong_usage(text: str) -> None:
    with pytest.raises(ConfigError, match="takeoff plan ENV VERSION"):
        check_mark(text)
    check_mark(mark())
