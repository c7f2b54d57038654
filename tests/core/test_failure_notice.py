"""What a channel reads of a task that failed."""

from __future__ import annotations

import pytest

from takeoff.core.errors import BudgetSpent, CommandFailed, HostUnreachable, MigrationFailed, Refused, TakeoffError
from takeoff.core.failure_notice import LINES, decisive_lines, failure_notice
from takeoff.core.reports import HostOutcome, Result, RolloutReport
from takeoff.core.slack_blocks import slack_text

URL = "http://airflow.example/dags/deploy_gstg/runs/1"
OUTPUT = """\
Reading package lists...
Building dependency tree...
Preparing to unpack .../gitlab-ee_17.1.0-ee.0_amd64.deb ...
gitlab preinstall: checking the data directory
dpkg: error processing archive gitlab-ee_17.1.0-ee.0_amd64.deb (--unpack):
 cannot copy extracted data for './opt/gitlab/bin/x': failed to write (No space left on device)
Processing triggers for systemd ...
E: Sub-process /usr/bin/dpkg returned an error code (1)
"""

THEN = (
    "→ Repair web-02, then `retry gstg`: only what is not done is done. `rollback check gstg` says whether going back "
    "is possible."
)


def told(error: TakeoffError, task: str = "main.web") -> str:
    return failure_notice("gstg", task, error, URL, "deploy_gstg/1").reply.text


def budget_spent(*failed: HostOutcome) -> BudgetSpent:
    error = BudgetSpent("main.web: too many hosts failed, a long story")
    error.report = RolloutReport(hosts=(HostOutcome(host="web-01", result=Result.CHANGED, reason="done"), *failed))
    return error


def test_the_lines_that_say_why_are_chosen() -> None:
    assert decisive_lines(OUTPUT) == (
        "dpkg: error processing archive gitlab-ee_17.1.0-ee.0_amd64.deb (--unpack):",
        "cannot copy extracted data for './opt/gitlab/bin/x': failed to write (No space left on device)",
        "E: Sub-process /usr/bin/dpkg returned an error code (1)",
    )


def test_where_no_line_says_why_the_last_ones_are_shown() -> None:
    assert decisive_lines("\n".join(f"line {number}" for number in range(9))) == (
        "line 5",
        "line 6",
        "line 7",
        "line 8",
    )


def test_a_failed_command_is_told_with_host_decisive_lines_what_to_do_and_link() -> None:
    text = told(CommandFailed("web-02", "apt-get install", 100, OUTPUT), "canary.web")
    assert text.splitlines() == [
        ":x: gstg: `canary.web` failed and waits for a person",
        "on web-02: apt-get install exited 100",
        "`dpkg: error processing archive gitlab-ee_17.1.0-ee.0_amd64.deb (--unpack):`",
        "`cannot copy extracted data for './opt/gitlab/bin/x': failed to write (No space left on device)`",
        "`E: Sub-process /usr/bin/dpkg returned an error code (1)`",
        THEN,
        URL,
    ]


def test_each_host_of_a_rollout_is_told_and_the_many_are_named() -> None:
    hosts = [
        HostOutcome(host=f"web-{n:02}", result=Result.FAILED, reason=f"exited 1: {OUTPUT}", step="installing")
        for n in range(2, 10)
    ]
    lines = told(budget_spent(*hosts)).splitlines()
    assert lines[1].startswith("1 changed, 8 failed (web-02")
    assert lines[2].startswith("• `web-02` failed at installing: dpkg: error processing archive")
    assert "and web-07, web-08, web-09" in lines
    assert "→ Repair web-02, web-03, " in lines[-2]


@pytest.mark.parametrize(
    ("error", "task", "then"),
    [
        (MigrationFailed("deploy-01", "gitlab-rake db:migrate", 1, "PG::Error"), "migrations", "never tried again by"),
        (Refused("disk", "web-01 has 3 MB left"), "preflight", "Nothing was changed. Once that is lifted"),
        (HostUnreachable("web-01", "connection refused"), "lease", "Nothing was changed. Once it is repaired"),
        (HostUnreachable("web-01", "connection refused"), "main.web", "Repair web-01, then `retry gstg`"),
    ],
    ids=["migration", "gate", "before the first change", "host"],
)
def test_what_to_do_depends_on_what_failed(error: TakeoffError, task: str, then: str) -> None:
    assert then in told(error, task)


def test_a_message_cannot_mention_everybody_or_hide_a_link() -> None:
    error = CommandFailed("web-01", "run", 1, "error: <!channel> <https://evil.example|click> `& more")
    shown = str(slack_text(failure_notice("gstg", "main.web", error, "", "").reply))
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; '&amp; more" in shown


def test_a_long_error_is_cut() -> None:
    endless = "error " * 2000
    for error in (Refused("x", endless), CommandFailed("web-01", "run", 1, endless), budget_spent()):
        assert len(told(error)) < 1500
    assert len(decisive_lines("error\n" * 500)) == LINES
