"""What stands in the way, in one sentence and in full."""

from datetime import timedelta

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.journal_entries import HoldSet, TaskFailed, TaskFinished, TaskStarted
from takeoff.core.record import Record
from takeoff.core.why import explain
from tests.core.records import BEGIN, adopted, fold, opened

NEW = "17.1.0-ee.0"
OPEN = fold(opened(1, NEW), ("lab-1", TaskStarted(task="warmup")), record=adopted())


@pytest.fixture
def environment(small_text: str) -> Environment:
    return parse_environment(small_text, "lab.yml").environment


@pytest.mark.parametrize(
    ("record", "next_version", "answer"),
    [
        (adopted(), "", "nothing is in the way, and there is no newer package"),
        (adopted(), NEW, f"nothing is in the way: {NEW}"),
        (Record(), "", "authority: deploy-01 has no journal"),
        (fold(HoldSet(reason="maintenance"), record=adopted()), NEW, "paused: deploys are paused: maintenance"),
        (OPEN, "", "warmup of lab-1"),
        (
            fold(("lab-1", TaskFailed(task="warmup", seconds=2, error="disk full")), record=OPEN),
            "",
            "lab-1 stopped at warmup: disk full",
        ),
        (
            fold(("lab-1", TaskFinished(task="warmup", seconds=2, summary="ok")), record=OPEN),
            "",
            "lease: lab-1 (deploy of 17.1.0-ee.0) holds the lease",
        ),
    ],
    ids=["idle", "a newer package", "never adopted", "paused", "a task runs", "a task failed", "between two tasks"],
)
def test_the_answer_is(record: Record, next_version: str, answer: str, environment: Environment) -> None:
    found = explain(record, environment, BEGIN + timedelta(hours=1), next_version=next_version)
    assert found.answer.startswith(answer)


def test_a_failure_says_what_to_do_next(environment: Environment) -> None:
    record = fold(("lab-1", TaskFailed(task="warmup", seconds=2, error="disk full")), record=OPEN)
    found = explain(record, environment, BEGIN)
    assert found.stopped is not None
    assert f"`takeoff deploy lab {NEW}`" in found.stopped.then
