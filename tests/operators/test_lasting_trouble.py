"""Trouble that lasts over many hourly runs is told when it begins and when it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from airflow.sdk.exceptions import AirflowFailException

from takeoff.core.errors import SourceUnavailable, SourceUntrusted, TakeoffError
from takeoff.core.notice import Notice
from takeoff.operators import lasting_trouble
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.lasting_trouble import told_on_change

SILENT = SourceUnavailable("packages of gstg", "no source answers")
DOUBTFUL = SourceUntrusted("packages of gstg", "InRelease of jammy is not signed")


def first_line(notice: Notice) -> str:
    """What a message says below its title; the title, if that is all."""
    return [*notice.reply.lines, notice.reply.title][0]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, variables: object) -> list[str]:
    """What chat is told, in order."""
    told: list[str] = []
    monkeypatch.setattr(lasting_trouble, "note_run", lambda *_: None)
    monkeypatch.setattr(lasting_trouble, "notify_failure", lambda _env, _run, error: told.append(str(error)))
    monkeypatch.setattr(
        lasting_trouble, "notify", lambda _env, notice: told.append([*notice.reply.lines, notice.reply.title][0])
    )
    monkeypatch.setattr(lasting_trouble, "load_environment", lambda _name: type("Loaded", (), {"environment": None}))
    return told


Look = Callable[..., type[BaseException] | None]


@pytest.fixture
def look() -> Look:
    """A function that makes one look, and gives the class of what it raised."""

    def one(
        error: TakeoffError | None = None, *, last_try: bool = True, automatic: bool = True
    ) -> type[BaseException] | None:
        run = AirflowRun("deploy_gstg", "scheduled__1", "new_package", last_try, automatic, "schedule", "", {})
        try:
            with told_on_change("gstg", run):
                if error is not None:
                    raise error
        except Exception as raised:
            return type(raised)
        return None

    return one


def test_silent_sources_are_told_once_and_again_when_they_answer(told: list[str], look: Look) -> None:
    for _ in range(3):
        assert look(SILENT) is SourceUnavailable
    assert told == [str(SILENT)]
    assert look() is None
    assert look() is None
    assert len(told) == 2
    assert "packages can be looked for again; that was not possible since 20" in told[1]
    assert look(SILENT) is SourceUnavailable
    assert len(told) == 3


def test_nothing_is_told_while_airflow_tries_again_by_itself(told: list[str], look: Look) -> None:
    assert look(SILENT, last_try=False) is SourceUnavailable
    assert not told
    look(SILENT)
    assert told == [str(SILENT)]


def test_what_no_retry_can_help_is_told_at_once_and_ends_the_task(told: list[str], look: Look) -> None:
    assert look(DOUBTFUL, last_try=False) is AirflowFailException
    assert told == [str(DOUBTFUL)]


def test_a_person_is_told_even_of_what_is_known(told: list[str], look: Look) -> None:
    look(SILENT)
    look(SILENT, automatic=False)
    assert told == [str(SILENT)] * 2


def test_looks_that_find_nothing_wrong_tell_nothing(told: list[str], look: Look) -> None:
    assert look() is None
    assert not told
