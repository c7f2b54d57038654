"""Pipelines of one project: each is a job that runs the smoke tests, and can be broken on purpose."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.standins.gitlab.shapes import now
from lab.standins.gitlab.smoke_tests import SUITE, TestResult

TERMINAL = ("success", "failed", "canceled", "skipped")
"""https://docs.gitlab.com/api/pipelines/: nothing moves a pipeline on from these but a retry."""


@dataclass
class Job:
    """One try of the pipeline's only job."""

    id: int
    created_at: str
    status: str = "created"
    started_at: str | None = None
    finished_at: str | None = None
    results: list[TestResult] | None = None


@dataclass
class Pipeline:
    """One pipeline; its status is its newest job's."""

    id: int
    iid: int
    ref: str
    variables: list[dict[str, str]]
    created_at: str
    jobs: list[Job] = field(default_factory=list)

    @property
    def status(self) -> str:
        """``created``, ``running``, or one of ``TERMINAL``."""
        return self.jobs[-1].status


class Pipelines:
    """Makes, runs and retries pipelines, each job in a thread of its own.

    Args:
        run: runs the smoke tests.
        fault: the fault in force: nothing, ``failing``, ``flaky`` (first try fails), ``stuck`` or ``empty`` (no tests).
    """

    def __init__(self, run: Callable[[], list[TestResult]], fault: Callable[[], str]) -> None:
        self._run, self._fault = run, fault
        self._pipelines: dict[int, Pipeline] = {}
        self._numbers, self._job_numbers = itertools.count(1001), itertools.count(50001)
        self._lock = threading.RLock()

    def create(self, ref: str, variables: list[dict[str, str]]) -> Pipeline:
        """Make a pipeline and start it."""
        with self._lock:
            number = next(self._numbers)
            pipeline = Pipeline(number, number - 1000, ref, variables, now())
            self._pipelines[number] = pipeline
            self._start(pipeline)
        return pipeline

    def find(self, number: int) -> Pipeline | None:
        """The pipeline of that id."""
        return self._pipelines.get(number)

    def listed(self) -> list[Pipeline]:
        """All pipelines, newest first."""
        return sorted(self._pipelines.values(), key=lambda each: -each.id)

    def retry(self, pipeline: Pipeline) -> None:
        """Run a failed or canceled job again in the same pipeline; others are left as they are."""
        with self._lock:
            if pipeline.status in ("failed", "canceled"):
                self._start(pipeline)

    def cancel(self, pipeline: Pipeline) -> None:
        """Cancel what has not ended."""
        with self._lock:
            job = pipeline.jobs[-1]
            if job.status not in TERMINAL:
                job.status, job.finished_at = "canceled", now()

    def _start(self, pipeline: Pipeline) -> None:
        job = Job(next(self._job_numbers), now())
        pipeline.jobs.append(job)
        threading.Thread(target=self._work, args=(pipeline, job), daemon=True).start()

    def _work(self, pipeline: Pipeline, job: Job) -> None:
        with self._lock:
            if job.status == "canceled":
                return
            job.status, job.started_at = "running", now()
        while self._fault() == "stuck" and job.status == "running":
            time.sleep(0.2)
        fault = self._fault()
        results = [] if fault == "empty" else self._run()
        if results and (fault == "failing" or (fault == "flaky" and len(pipeline.jobs) == 1)):
            results[0] = TestResult(results[0].name, "failed", results[0].seconds, f"broken on purpose: {fault}")
        with self._lock:
            if job.status == "running":
                job.results, job.finished_at = results, now()
                job.status = "failed" if any(each.status != "success" for each in results) else "success"


def report(pipeline: Pipeline) -> dict[str, Any]:
    """`GET …/test_report`: the newest job's tests; suites are empty while it runs, and when it had no tests."""
    results = pipeline.jobs[-1].results or []
    suites = (
        [{**_counts(results), "name": SUITE, "suite_error": None, "test_cases": [r.described() for r in results]}]
        if results
        else []
    )
    return {**_counts(results), "test_suites": suites}


def report_summary(pipeline: Pipeline) -> dict[str, Any]:
    """`GET …/test_report_summary`."""
    results = pipeline.jobs[-1].results or []
    counts = _counts(results)
    total = {key.removeprefix("total_").removesuffix("_count"): value for key, value in counts.items()} | {
        "suite_error": None
    }
    suites = [{**counts, "name": SUITE, "build_ids": [pipeline.jobs[-1].id], "suite_error": None}] if results else []
    return {"total": total, "test_suites": suites}


def described(pipeline: Pipeline, project: dict[str, Any]) -> dict[str, Any]:
    """A pipeline as `GET …/pipelines/:id` shows it."""
    job = pipeline.jobs[-1]
    url = f"{project['web_url']}/-/pipelines/{pipeline.id}"
    return {
        "id": pipeline.id,
        "iid": pipeline.iid,
        "project_id": project["id"],
        "sha": hashlib.sha1(pipeline.ref.encode(), usedforsecurity=False).hexdigest(),
        "ref": pipeline.ref,
        "status": pipeline.status,
        "source": "api",
        "name": None,
        "created_at": pipeline.created_at,
        "updated_at": job.finished_at or job.started_at or job.created_at,
        "web_url": url,
        "before_sha": "0" * 40,
        "tag": False,
        "yaml_errors": None,
        "user": {"id": 1, "username": "takeoff", "name": "Takeoff", "state": "active"},
        "started_at": pipeline.jobs[0].started_at,
        "finished_at": job.finished_at,
        "committed_at": None,
        "duration": round(sum(each.seconds for each in job.results or [])) if job.finished_at else None,
        "queued_duration": 0,
        "coverage": None,
        "detailed_status": {
            "icon": f"status_{pipeline.status}",
            "text": pipeline.status.capitalize(),
            "label": pipeline.status,
            "group": pipeline.status,
            "has_details": True,
            "details_path": url,
        },
    }


def described_job(job: Job, pipeline: Pipeline, project: dict[str, Any]) -> dict[str, Any]:
    """A job as `GET …/pipelines/:id/jobs` shows it."""
    return {
        "id": job.id,
        "status": job.status,
        "stage": "qa",
        "name": "gitlab-qa-smoke",
        "ref": pipeline.ref,
        "tag": False,
        "allow_failure": False,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "duration": sum(each.seconds for each in job.results or []),
        "web_url": f"{project['web_url']}/-/jobs/{job.id}",
        "pipeline": {"id": pipeline.id, "project_id": project["id"], "ref": pipeline.ref, "status": pipeline.status},
        "failure_reason": "script_failure" if job.status == "failed" else None,
    }


def _counts(results: list[TestResult]) -> dict[str, Any]:
    def count(status: str) -> int:
        return sum(each.status == status for each in results)

    return {
        "total_time": round(sum(each.seconds for each in results), 3),
        "total_count": len(results),
        "success_count": count("success"),
        "failed_count": count("failed"),
        "skipped_count": count("skipped"),
        "error_count": count("error"),
    }
