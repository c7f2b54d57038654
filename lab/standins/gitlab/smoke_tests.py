"""The QA subset: a few tests against the lab's application as its users reach it, through the balancer."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

SUITE = "smoke"
TIMEOUT_SECONDS = 10


@dataclass
class TestResult:
    """One test's outcome, as GitLab reads it from a JUnit file."""

    name: str
    status: str
    seconds: float
    output: str = ""

    def described(self) -> dict[str, Any]:
        """The form of a test case in ``test_report``."""
        return {
            "status": self.status,
            "name": self.name,
            "classname": f"qa.{SUITE}",
            "file": f"qa/specs/features/{SUITE}_spec.rb",
            "execution_time": round(self.seconds, 3),
            "system_output": self.output or None,
            "stack_trace": None,
        }


def run_tests(web: str, git: str) -> list[TestResult]:
    """Run all tests one after another.

    Args:
        web: where users reach the web hosts.
        git: where users reach the git hosts.
    """
    return [_run(name, test, web, git) for name, test in _TESTS.items()]


def _run(name: str, test: Callable[[str, str], None], web: str, git: str) -> TestResult:
    started = time.monotonic()
    try:
        test(web, git)
    except (AssertionError, requests.RequestException, KeyError, ValueError) as error:
        text = "".join(traceback.format_exception_only(error)).strip()
        return TestResult(name, "failed", time.monotonic() - started, text)
    return TestResult(name, "success", time.monotonic() - started)


def _signs_in(web: str, git: str) -> None:
    answer = requests.get(f"{web}/-/readiness?all=1", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, f"readiness answered {answer.status_code}"


def _tells_its_version(web: str, git: str) -> None:
    answer = requests.get(f"{web}/api/v4/version", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, f"version answered {answer.status_code}"
    assert answer.json()["version"], "the version is empty"


def _creates_a_note(web: str, git: str) -> None:
    title = f"smoke {time.time_ns()}"
    made = requests.post(f"{web}/api/v4/notes", json={"title": title}, timeout=TIMEOUT_SECONDS)
    assert made.status_code == 201, f"creating a note answered {made.status_code}: {made.text[:200]}"
    read = requests.get(f"{web}/api/v4/notes/{made.json()['id']}", timeout=TIMEOUT_SECONDS)
    assert read.status_code == 200, f"reading the note answered {read.status_code}: {read.text[:200]}"
    assert read.json()["notes"][0]["title"] == title, "the note that was read is not the one that was made"


def _lists_notes(web: str, git: str) -> None:
    answer = requests.get(f"{web}/api/v4/notes", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, f"listing notes answered {answer.status_code}: {answer.text[:200]}"


def _serves_git(web: str, git: str) -> None:
    answer = requests.get(f"{git}/api/v4/notes", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200, f"a git host answered {answer.status_code}: {answer.text[:200]}"


_TESTS: dict[str, Callable[[str, str], None]] = {
    "Login is possible for a user": _signs_in,
    "API tells the version": _tells_its_version,
    "Note is created and read back": _creates_a_note,
    "Notes are listed": _lists_notes,
    "Git is served over HTTP": _serves_git,
}
