"""Every kind of journal entry can be read by a person."""

import typing

import pytest

from takeoff.core import journal_entries as entries
from takeoff.core.journal_entries import EntryBody
from takeoff.core.journal_sentences import body_sentence
from takeoff.core.operation import Driver, Outcome
from tests.core.records import opened

BODIES: list[EntryBody] = [
    entries.Adopted(authority="a", version="1", versions={"h": "1"}),
    entries.AuthorityMoved(authority="b", host="deploy-02", reason="rebuilt"),
    opened(1, "1")[1],
    entries.DriverStarted(driver=Driver(name="vm:1:a", task="warmup", by="maria")),
    entries.TaskStarted(task="warmup"),
    entries.TaskFinished(task="warmup", seconds=1, summary="ok"),
    entries.TaskFailed(task="warmup", seconds=1, error="disk full"),
    entries.PipelineStarted(task="main.qa", pipeline=7, url="http://gitlab/7"),
    entries.MigrationsPending(version="1", names=("1 a",)),
    entries.PointOfNoReturn(version="1", names=("1 a",)),
    entries.PostDeployFinished(version="1"),
    entries.LeftBehind(host="web-01", reason="down"),
    entries.Converged(hosts=("web-01",)),
    entries.VersionRejected(version="1", reason="500s"),
    entries.HoldSet(reason="maintenance"),
    entries.HoldLifted(),
    entries.Overridden(name="paused", reason="hotfix"),
    entries.OperationClosed(outcome=Outcome.SUCCEEDED, version="1"),
    entries.Noted(text="unfenced", host="web-01"),
]


def test_every_kind_is_tried_below() -> None:
    assert {type(body) for body in BODIES} == set(typing.get_args(EntryBody))


@pytest.mark.parametrize("body", BODIES, ids=[body.kind for body in BODIES])
def test_every_kind_has_a_sentence_of_its_own(body: EntryBody) -> None:
    sentence = body_sentence(body)
    assert sentence
    assert sentence != body.kind.replace("_", " ")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (entries.TaskFailed(task="main.web", seconds=1, error="disk full"), "disk full"),
        (entries.Overridden(name="paused", reason="hotfix"), "hotfix"),
        (entries.LeftBehind(host="web-01", reason="no answer"), "no answer"),
        (entries.PointOfNoReturn(version="17.1", names=("1 a", "2 b", "3 c", "4 d")), "and 1 more"),
    ],
    ids=["the error", "the override's reason", "the host's reason", "the rest is counted"],
)
def test_the_reason_is_told(body: EntryBody, told: str) -> None:
    assert told in body_sentence(body)
