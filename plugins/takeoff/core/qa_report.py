"""The verdict on a QA pipeline: its end, its jobs and its test report, as GitLab's API tells them.

A pipeline's status alone says little: it is ``success`` when no test ran at all, and when a failed job was allowed to
fail. So the test report judges, and whatever leaves it unknown whether tests passed is no pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from takeoff.core.errors import SourceUntrusted

ENDED = ("success", "failed", "canceled", "skipped", "manual")
"""Statuses in which a pipeline moves no more by itself (GitLab API, "Pipelines"); ``manual`` waits for a person."""

FLAKY = "flaky"
"""Name of the fact that a QA task journals: the jobs that passed only at a further try."""

NAMED_TESTS = 5
"""Failed tests that a sentence names; the rest is counted."""


@dataclass(frozen=True)
class PipelineJob:
    """One try of one job of a pipeline.

    Attributes:
        id: grows with each try.
        name: the same for all tries.
        status: ``success``, ``failed``, …
    """

    id: int
    name: str
    status: str


@dataclass(frozen=True)
class TestReport:
    """What the JUnit reports of a pipeline's jobs add up to.

    Attributes:
        total: tests, skipped ones included.
        skipped: tests that did not run.
        failed: names of the tests that failed or broke.
        unreadable: suite → why its report could not be read.
    """

    __test__ = False  # for pytest, which collects classes by this name

    total: int = 0
    skipped: int = 0
    failed: tuple[str, ...] = ()
    unreadable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class QaEvidence:
    """All that is known of a pipeline that has ended.

    Attributes:
        status: the pipeline's.
        url: where a person looks at it.
        report: what its tests did.
        jobs: every try of every job.
    """

    status: str
    url: str
    report: TestReport
    jobs: tuple[PipelineJob, ...] = ()

    @property
    def tries(self) -> int:
        """How often the job that ran most often has run."""
        names = [job.name for job in self.jobs]
        return max(map(names.count, names), default=1)

    @property
    def flaky_jobs(self) -> tuple[str, ...]:
        """Jobs that failed and passed when they were run again."""
        last = {job.name: job for job in sorted(self.jobs, key=lambda job: job.id)}
        failed = {job.name for job in self.jobs if job.status == "failed"}
        return tuple(sorted(name for name in failed if last[name].status == "success"))


@dataclass(frozen=True)
class QaVerdict:
    """Whether QA has passed, in one sentence for people."""

    passed: bool
    sentence: str


class _Case(BaseModel):
    model_config = ConfigDict(extra="ignore")

    status: str
    name: str
    classname: str | None = None


class _Suite(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    total_count: int
    failed_count: int = 0
    skipped_count: int = 0
    error_count: int = 0
    suite_error: str | None = None
    test_cases: tuple[_Case, ...] = ()


class _Report(BaseModel):
    model_config = ConfigDict(extra="ignore")

    test_suites: tuple[_Suite, ...]


def read_test_report(answer: Any, source: str) -> TestReport:
    """Read GitLab's ``test_report``.

    Args:
        answer: the decoded JSON.
        source: whom it came from, for the message.

    Raises:
        SourceUntrusted: it does not have the form of a test report.
    """
    try:
        suites = _Report.model_validate(answer).test_suites
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the answer"
        raise SourceUntrusted(source, f"the test report has an unexpected form: {where}: {first['msg']}") from None
    return TestReport(
        total=sum(suite.total_count for suite in suites),
        skipped=sum(suite.skipped_count for suite in suites),
        failed=tuple(name for suite in suites for name in _failed_tests(suite)),
        unreadable={suite.name: suite.suite_error for suite in suites if suite.suite_error},
    )


def judge_qa(evidence: QaEvidence) -> QaVerdict:
    """Say whether a pipeline that has ended counts as passed."""
    if blame := _blame(evidence):
        return QaVerdict(False, f"QA has not passed: {blame}; look at {evidence.url}")
    ran = evidence.report.total - evidence.report.skipped
    skipped = f", {evidence.report.skipped} skipped" if evidence.report.skipped else ""
    flaky = f"; only at a further try: {', '.join(evidence.flaky_jobs)}" if evidence.flaky_jobs else ""
    return QaVerdict(True, f"QA has passed: {ran} tests{skipped}{flaky}; {evidence.url}")


def may_run_again(evidence: QaEvidence, retries: int) -> bool:
    """Whether the pipeline's failed jobs are run once more before it is judged."""
    return evidence.status == "failed" and evidence.tries <= retries


def _blame(evidence: QaEvidence) -> str:
    """Say what keeps a pipeline from being passed; empty if nothing does."""
    report = evidence.report
    match evidence.status:
        case "canceled":
            return "the pipeline was canceled"
        case "skipped":
            return "the pipeline was skipped: none of its jobs ran"
        case "manual":
            return "the pipeline waits for a person to start a manual job"
        case "success" | "failed":
            pass
        case other:
            return f"the pipeline has not ended, it is {other!r}"
    if report.unreadable:
        told = "; ".join(f"{suite}: {why}" for suite, why in report.unreadable.items())
        return f"a test report cannot be read ({told})"
    if report.failed:
        return f"{_count(len(report.failed), 'test')} failed ({_some(report.failed)})"
    if evidence.status == "failed":
        failed = sorted({job.name for job in evidence.jobs if job.status == "failed"} - set(evidence.flaky_jobs))
        return f"the pipeline failed in {_some(failed)}" if failed else "the pipeline failed"
    if report.total == 0:
        return "the pipeline succeeded without a single test in its test report"
    if report.total == report.skipped:
        return f"all {_count(report.total, 'test')} were skipped"
    return ""


def _failed_tests(suite: _Suite) -> list[str]:
    named = [
        f"{case.classname}: {case.name}" if case.classname else case.name
        for case in suite.test_cases
        if case.status in ("failed", "error")
    ]
    # The counts judge, also where cases are missing from the list.
    unnamed = suite.failed_count + suite.error_count - len(named)
    return named + [f"another one of {suite.name}"] * unnamed


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMED_TESTS} more" if len(every) > NAMED_TESTS else ""
    return ", ".join(every[:NAMED_TESTS]) + more
