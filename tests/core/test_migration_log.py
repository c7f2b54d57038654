"""What migrations print."""

from __future__ import annotations

import pytest

from takeoff.core.migration_log import LINES, MigrationStep, decisive_lines, migration_step, pending_migrations

STATUS = """
database: gitlabhq_production

 Status   Migration ID    Migration Name
--------------------------------------------------
   up     20250101000000  Create users
  down    20250301000000  Drop legacy column
  down    20250201000000  Finalize backfill
   up     20240101000000  ********** NO FILE **********

database: gitlabhq_production_ci
  down    20250201000000  Finalize backfill
"""


def test_pending_ones_are_the_down_rows_oldest_first_each_once() -> None:
    assert pending_migrations(STATUS) == ("20250201000000 Finalize backfill", "20250301000000 Drop legacy column")


def test_rows_that_are_all_up_leave_nothing_pending() -> None:
    assert pending_migrations("   up     20250101000000  Create users\n") == ()


@pytest.mark.parametrize("text", ["", "rake aborted!\nconnection refused", "Status Migration ID"])
def test_rule_6_a_text_without_rows_is_not_taken_for_nothing_pending(text: str) -> None:
    assert pending_migrations(text) is None


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("== 20250101000000 AddIndex: migrating ====", MigrationStep("20250101000000 AddIndex", False, "")),
        (
            "main: == 20250101000000 AddIndex: migrated (71.0041s) ==",
            MigrationStep("20250101000000 AddIndex", True, "71.0041"),
        ),
        ("==  AddIndex: migrating ==============", MigrationStep("AddIndex", False, "")),
        ("main: -- ALTER TABLE notes ADD COLUMN migrating: text", None),
        ("", None),
    ],
    ids=["begin", "end, of one database", "without a number", "statement", "nothing"],
)
def test_the_log_tells_which_migration_begins_and_ends(line: str, step: MigrationStep | None) -> None:
    assert migration_step(line) == step


def test_decisive_lines_begin_where_rake_aborts() -> None:
    log = [
        "== 20250101 AddIndex: migrating ====",
        "a line with the word error in it, of a migration that went well",
        "rake aborted!",
        "StandardError: An error has occurred, this and all later migrations canceled:",
        "",
        "PG::UndefinedColumn: ERROR:  column users.admin does not exist",
        "/opt/gitlab/embedded/service/gitlab-rails/lib/x.rb:12:in `block'",
        "Tasks: TOP => db:migrate",
    ]
    assert decisive_lines(log) == (
        "rake aborted!",
        "StandardError: An error has occurred, this and all later migrations canceled:",
        "PG::UndefinedColumn: ERROR:  column users.admin does not exist",
    )


def test_a_log_without_a_known_cause_gives_its_last_lines() -> None:
    log = [f"line {number}" for number in range(50)]
    assert decisive_lines(log) == tuple(log[-LINES:])


def test_an_unfinished_background_migration_is_decisive() -> None:
    said = "Expected batched background migration for the given configuration to be marked as 'finished', but it is"
    assert decisive_lines(["== migrating", said]) == (said,)
