"""What a channel is told of a journal, each entry once."""

from __future__ import annotations

from datetime import timedelta

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.hosts import Host
from takeoff.core.journal_entries import (
    EntryBody,
    HoldLifted,
    HoldSet,
    LeftBehind,
    MigrationsPending,
    OperationClosed,
    Overridden,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    VersionRejected,
)
from takeoff.core.notice import Notice
from takeoff.core.operation import OperationKind, Outcome, Placement
from takeoff.core.operation_notices import journal_notices, progress_notice
from tests.core.conftest import SMALL
from tests.core.journals import Journal
from tests.core.records import BEGIN, opened

ENVIRONMENT: Environment = parse_environment(SMALL, "lab.yml").environment
URL = "http://airflow.example/dags/deploy_lab/runs/1"


class Story:
    """A journal, told as it grows; one entry a minute."""

    def __init__(self) -> None:
        self.journal = Journal()

    def add(self, *bodies: EntryBody, operation: str = "", by: str = "maria") -> list[Notice]:
        entries = self.journal.add(*bodies, operation=operation, by=by).entries
        return journal_notices(entries[-len(bodies) :], self.journal.record, ENVIRONMENT, entries)

    def open(
        self, number: int, version: str, kind: OperationKind = OperationKind.DEPLOY, *, run: str = "", over: str = ""
    ) -> list[Notice]:
        operation, begun = opened(
            number,
            version,
            kind,
            takes_over=over,
            placements=(Placement(stage="main", role="web", hosts=(Host(name="web-01"), Host(name="web-02"))),),
            reason="" if kind is OperationKind.DEPLOY else "login is broken",
            run=run or f"{kind.value}_lab/{number}",
            run_url=URL,
            opened_at=BEGIN + timedelta(minutes=self.journal.record.seq),
            restore_from="17.1.0-ee.0" if kind is OperationKind.ROLLBACK else "",
        )
        return self.add(begun, operation=operation)

    def progress(self, number: int) -> str:
        record = self.journal.record
        return progress_notice(record.operations[f"lab-{number}"], record, ENVIRONMENT).reply.text


def test_a_deploy_that_begins_is_told_with_what_is_new() -> None:
    (notice,) = Story().open(1, "17.1.0-ee.0")
    assert notice.reply.text.splitlines() == [
        ":rocket: lab: deploy of gitlab-ee `17.1.0-ee.0` has begun",
        "new: `17.0.0-ee.0` → `17.1.0-ee.0` (a new minor version), 3 hosts",
        "asked by maria",
        "0 of 11 tasks done",
        URL,
    ]
    assert (notice.thread, notice.progress_of) == ("deploy_lab/1", "lab-1")


def test_an_auto_deploy_names_the_commits_between() -> None:
    story = Story()
    story.open(1, "17.1.202410010000-aaaaaaaaaaa.bbbbbbbbbbb")
    story.add(OperationClosed(outcome=Outcome.SUCCEEDED, version=_auto("a")), operation="lab-1")
    (notice,) = story.open(2, _auto("c"))
    assert "commits: `aaaaaaaaaaa`…`ccccccccccc`" in notice.reply.lines


def _auto(letter: str) -> str:
    return f"17.1.202410010000-{letter * 11}.bbbbbbbbbbb"


def test_progress_follows_the_tasks_to_the_end() -> None:
    story = Story()
    story.open(1, "17.1.0-ee.0")
    story.add(TaskStarted(task="warmup"), operation="lab-1")
    assert "0 of 11 tasks done; now `warmup`" in story.progress(1)
    story.add(TaskFinished(task="warmup", seconds=1, summary=""), operation="lab-1")
    story.add(TaskFailed(task="main.web", seconds=1, error="x"), operation="lab-1")
    assert "1 of 11 tasks done; `main.web` failed" in story.progress(1)
    story.add(OperationClosed(outcome=Outcome.SUCCEEDED, version="17.1.0-ee.0"), operation="lab-1")
    assert story.progress(1).startswith(":rocket: lab: deploy of gitlab-ee `17.1.0-ee.0` is done after 4m")
    assert "new: `17.0.0-ee.0` → `17.1.0-ee.0`" in story.progress(1), "it still says what was new"


def test_a_finished_deploy_is_told_with_duration_hosts_flaky_tests_and_what_is_pending() -> None:
    story = Story()
    story.open(1, "17.1.0-ee.0")
    story.add(
        TaskFinished(task="main.qa", seconds=1, summary="", facts={"flaky": ["rspec 2/3"]}),
        MigrationsPending(version="17.1.0-ee.0", names=("1 Drop a", "2 Drop b")),
        LeftBehind(host="web-02", reason="gives no answer"),
        operation="lab-1",
    )
    (notice,) = story.add(OperationClosed(outcome=Outcome.SUCCEEDED, version="17.1.0-ee.0"), operation="lab-1")
    assert notice.reply.text.splitlines() == [
        ":white_check_mark: lab runs gitlab-ee `17.1.0-ee.0`",
        "lab-1 took 4m, 3 hosts, asked by maria",
        "flaky, passed only at a further try: `rspec 2/3`",
        "left behind: web-02 (gives no answer)",
        "2 post-deploy migrations pending",
        URL,
    ]
    assert (notice.thread, notice.aloud) == ("deploy_lab/1", True)


def test_a_takeover_is_told_in_the_thread_of_what_it_ends() -> None:
    story = Story()
    story.open(1, "17.1.0-ee.0")
    begun, superseded = story.open(2, "17.0.0-ee.0", OperationKind.ROLLBACK, over="lab-1")
    assert (begun.thread, superseded.thread) == ("rollback_lab/2", "deploy_lab/1")
    assert superseded.reply.title == (
        ":fast_forward: lab: lab-1 (deploy of `17.1.0-ee.0`) is superseded by lab-2 (rollback to `17.0.0-ee.0`)"
    )
    assert "asked by maria: login is broken" in superseded.reply.lines


def test_a_rollback_says_that_deploys_stay_held() -> None:
    story = Story()
    story.open(1, "17.0.0-ee.0", OperationKind.ROLLBACK)
    (notice,) = story.add(
        VersionRejected(version="17.1.0-ee.0", reason="broken"),
        OperationClosed(outcome=Outcome.SUCCEEDED, version="17.0.0-ee.0"),
        operation="lab-1",
    )
    assert "lab is back on gitlab-ee `17.0.0-ee.0`" in notice.reply.title
    assert "`17.1.0-ee.0` is rejected; deploys stay held until `resume lab`" in notice.reply.lines


def test_a_released_lease_is_told_with_who_and_why() -> None:
    story = Story()
    story.open(1, "17.1.0-ee.0")
    passed, given_up = story.add(
        Overridden(name="lease_release", reason="it is stuck"),
        OperationClosed(outcome=Outcome.RELEASED),
        operation="lab-1",
        by="slack:jane (U1)",
    )
    assert "`lease_release` was passed for lab-1 (`17.1.0-ee.0`) by slack:jane (U1): it is stuck" in passed.reply.title
    assert "lab-1 (deploy of `17.1.0-ee.0`) was given up by slack:jane (U1)" in given_up.reply.title


def test_post_deploy_migrations_that_are_given_up_leave_no_mixed_fleet_behind() -> None:
    story = Story()
    story.open(1, "17.1.0-ee.0", kind=OperationKind.POST_DEPLOY)
    (given_up,) = story.add(OperationClosed(outcome=Outcome.RELEASED), operation="lab-1", by="maria")
    assert "every host runs that version still" in given_up.reply.title
    assert "different versions" not in given_up.reply.title


def test_a_hold_is_told_when_it_begins_and_when_it_ends() -> None:
    story = Story()
    (held,) = story.add(HoldSet(reason="incident 42", until=BEGIN + timedelta(hours=2)), by="jane")
    assert held.reply.text.splitlines() == [
        ":double_vertical_bar: lab: automatic deploys are held until 2026-11-24 14:00 UTC by jane: incident 42",
        "`resume lab` lets them go on.",
    ]
    (lifted,) = story.add(HoldLifted(), by="jane")
    assert lifted.reply.title == ":arrow_forward: lab: automatic deploys go on, by jane"
    assert not held.thread


def test_steps_in_between_are_not_told() -> None:
    story = Story()
    story.open(1, "17.1.0-ee.0")
    assert not story.add(
        TaskStarted(task="warmup"), TaskFinished(task="warmup", seconds=1, summary=""), operation="lab-1"
    )
