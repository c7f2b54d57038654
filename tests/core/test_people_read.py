"""What people read before a point of no return, and of its answer."""

import pytest

from takeoff.core.approval_text import answer_text, approval_body, approval_subject


def test_the_question_names_environment_version_and_number():
    assert approval_subject("gstg", "gitlab-ee", "17.4.1-ee.0", 1) == (
        "Run 1 post-deploy migration of gitlab-ee 17.4.1-ee.0 on gstg?"
    )
    assert "2 post-deploy migrations" in approval_subject("gstg", "gitlab-ee", "17.4.1-ee.0", 2)


def test_the_body_names_each_migration_and_each_version_that_is_burnt():
    body = approval_body("17.4.1-ee.0", ("1 Drop a", "2 Drop b"), ("17.3.0-ee.0", "17.4.0-ee.0"), "7d")
    assert "- `1 Drop a`\n- `2 Drop b`" in body
    assert "A rollback will no longer reach: `17.3.0-ee.0`, `17.4.0-ee.0`." in body
    assert "within 7d" in body


def test_the_body_warns_also_where_no_version_is_known_before():
    assert "No version before `17.4.1-ee.0` can run after it" in approval_body("17.4.1-ee.0", ("1 Drop a",), (), "7d")


@pytest.mark.parametrize(
    ("option", "by", "comment", "expired", "text"),
    [
        pytest.param("Approve", "ada", "", False, "Approve by ada", id="yes"),
        pytest.param("Reject", "ada", "on Monday", False, "Reject by ada: on Monday", id="no, with a word"),
        pytest.param("Reject", "", "", True, "nobody answered in time, which counts as Reject", id="expired"),
        pytest.param("Approve", "", "", False, "Approve by an unnamed user", id="without a name"),
    ],
)
def test_an_answer_is_told_with_who_gave_it(option, by, comment, expired, text):
    assert answer_text(option, by, comment, expired=expired) == f"Post-deploy migrations: {text}"
