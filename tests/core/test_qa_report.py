import pytest

from takeoff.core.errors import SourceUntrusted
from takeoff.core.qa_report import (
    PipelineJob,
    QaEvidence,
    TestReport,
    judge_qa,
    may_run_again,
    read_test_report,
)

URL = "https://gitlab.example/quality/staging/-/pipelines/7"
GOOD = TestReport(total=5)
FAILED_THEN_PASSED = (PipelineJob(1, "smoke", "failed"), PipelineJob(2, "smoke", "success"))


def suite(**values):
    return {"name": "smoke", "total_count": 5, "failed_count": 0, "skipped_count": 0, "error_count": 0} | values


@pytest.mark.parametrize(
    ("status", "report", "said"),
    [
        pytest.param("success", TestReport(), "without a single test", id="no test ran"),
        pytest.param("success", TestReport(total=4, skipped=4), "all 4 tests were skipped", id="every one skipped"),
        pytest.param("success", TestReport(total=4, failed=("clone",)), "1 test failed (clone)", id="allowed to fail"),
        pytest.param(
            "success", TestReport(total=4, unreadable={"smoke": "JUnit XML parsing failed"}),
            "cannot be read (smoke: JUnit XML parsing failed)", id="an unreadable report",
        ),
        pytest.param("failed", GOOD, "the pipeline failed", id="a failed pipeline whose tests all passed"),
        pytest.param("failed", TestReport(total=5, failed=("a", "b")), "2 tests failed (a, b)", id="failed tests"),
        pytest.param("canceled", GOOD, "was canceled", id="canceled"),
        pytest.param("skipped", GOOD, "was skipped", id="skipped"),
        pytest.param("manual", GOOD, "waits for a person", id="blocked on a manual job"),
        pytest.param("running", GOOD, "has not ended", id="still running"),
        pytest.param("paused_by_aliens", GOOD, "has not ended", id="a status nobody knows"),
    ],
)  # fmt: skip
def test_what_leaves_it_unknown_whether_tests_passed_is_no_pass(status, report, said):
    verdict = judge_qa(QaEvidence(status, URL, report))
    assert not verdict.passed
    assert said in verdict.sentence
    assert URL in verdict.sentence


def test_a_pipeline_whose_tests_passed_has_passed():
    verdict = judge_qa(QaEvidence("success", URL, TestReport(total=5, skipped=1)))
    assert verdict.passed
    assert verdict.sentence == f"QA has passed: 4 tests, 1 skipped; {URL}"


def test_a_job_that_passed_only_when_it_ran_again_is_told_as_such():
    verdict = judge_qa(QaEvidence("success", URL, GOOD, FAILED_THEN_PASSED))
    assert verdict.passed
    assert "only at a further try: smoke" in verdict.sentence


def test_the_failed_job_is_named_where_no_test_failed():
    jobs = (PipelineJob(1, "prepare", "failed"), PipelineJob(2, "smoke", "success"))
    assert "failed in prepare" in judge_qa(QaEvidence("failed", URL, GOOD, jobs)).sentence


def test_many_failed_tests_are_counted_beyond_the_first_five():
    failed = tuple(f"test {number}" for number in range(7))
    sentence = judge_qa(QaEvidence("failed", URL, TestReport(total=7, failed=failed))).sentence
    assert "test 4 and 2 more" in sentence
    assert "test 5" not in sentence


@pytest.mark.parametrize(
    ("status", "tries", "retries", "again"),
    [
        pytest.param("failed", 1, 1, True, id="failed at the first try, one more is allowed"),
        pytest.param("failed", 2, 1, False, id="the retries are spent"),
        pytest.param("failed", 1, 0, False, id="no retry is allowed"),
        pytest.param("canceled", 1, 1, False, id="somebody canceled it"),
        pytest.param("success", 1, 1, False, id="it succeeded"),
    ],
)
def test_failed_jobs_run_again_as_often_as_allowed(status, tries, retries, again):
    jobs = tuple(PipelineJob(number, "smoke", "failed") for number in range(tries))
    assert may_run_again(QaEvidence(status, URL, GOOD, jobs), retries) is again


def test_a_report_adds_up_its_suites_and_names_failed_and_broken_tests():
    cases = [
        {"status": "failed", "name": "clones", "classname": "git"},
        {"status": "error", "name": "pushes"},
        {"status": "success", "name": "logs in"},
    ]
    answer = {
        "test_suites": [
            suite(failed_count=1, error_count=1, test_cases=cases),
            suite(name="more", skipped_count=2),
            suite(name="broken", total_count=0, suite_error="JUnit XML parsing failed"),
        ]
    }
    report = read_test_report(answer, "GitLab")
    assert (report.total, report.skipped) == (10, 2)
    assert report.failed == ("git: clones", "pushes")
    assert report.unreadable == {"broken": "JUnit XML parsing failed"}


def test_a_failure_that_the_report_only_counts_is_a_failure_too():
    report = read_test_report({"test_suites": [suite(failed_count=1)]}, "GitLab")
    assert report.failed == ("another one of smoke",)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param([], id="a list"),
        pytest.param({}, id="without suites"),
        pytest.param({"test_suites": [{"name": "smoke"}]}, id="a suite without counts"),
        pytest.param("<html>", id="text"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_is_no_test_report_is_not_believed(answer):
    with pytest.raises(SourceUntrusted, match="GitLab: the test report has an unexpected form"):
        read_test_report(answer, "GitLab")
