"""What all tests share. What cannot run is counted and named; where nothing may be left out (CI), it fails the run."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.terminal import TerminalReporter
from xdist.scheduler import LoadScopeScheduling
from xdist.scheduler.protocol import Scheduling

SKIPS_FORBIDDEN = "TAKEOFF_NO_SKIPS"
"""Set to anything but nothing, or ``CI`` set: a skipped test fails the run."""


@contextmanager
def folder_within_reach() -> Iterator[Path]:
    """Make a temporary folder for a local Airflow, below no other one of pytest's.

    As root its PostgreSQL runs as another user, who must be able to pass through the folders above; and each start of
    pytest on this machine bars pytest's own base folder to all others, also in the midst of our test.
    """
    folder = Path(tempfile.mkdtemp(prefix="takeoff-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def reachable_folder() -> Iterator[Path]:
    """Yield such a folder to one test."""
    with folder_within_reach() as folder:
        yield folder


SHARED = ("tests/airflow", "tests/lab/airflow", "tests/lab/process", "tests/lab")
"""Folders of tests that share a lab or an Airflow; elsewhere the tests of a file do."""


class TogetherWhereShared(LoadScopeScheduling):
    """Runs tests that share a lab or an Airflow in one process.

    ``--dist loadgroup`` would be for it, but pytest-xdist 3.8 writes the group into what pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in SHARED if nodeid.startswith(f"{folder}/")), nodeid.partition("::")[0])


_OWN_FOLDERS = ("AIRFLOW_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""What would lead past ``HOME``."""


def pytest_configure(config: pytest.Config) -> None:
    """Give this process and all that it starts a home of its own.

    Airflow, Chromium and Takeoff keep logs, settings and caches in a person's home, some at the first import.
    """
    home = tempfile.mkdtemp(prefix="takeoff-home-")
    config.add_cleanup(lambda: shutil.rmtree(home))
    os.environ["HOME"] = home
    for name in _OWN_FOLDERS:
        os.environ.pop(name, None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    return TogetherWhereShared(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What ``-n auto`` means: a process waits a third of its time, for hosts and servers; one more makes use of it."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_finish() -> None:
    """Let no search for garbage go through what was imported: it takes a sixth of the simulation's time."""
    gc.freeze()


def _skips_forbidden() -> bool:
    return bool(os.environ.get(SKIPS_FORBIDDEN) or os.environ.get("CI"))


def _skipped(config: pytest.Config) -> Iterator[tuple[str, str]]:
    """Yield the node id and the reason of each test that was skipped."""
    reporter = cast("TerminalReporter | None", config.pluginmanager.get_plugin("terminalreporter"))
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        yield report.nodeid, reason.removeprefix("Skipped: ")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    on_a_worker = hasattr(session.config, "workerinput")
    if not on_a_worker and _skips_forbidden() and any(_skipped(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    skipped = list(_skipped(config))
    if not skipped:
        return
    forbidden = _skips_forbidden()
    terminalreporter.section(f"{len(skipped)} skipped" + (", and none may be here" if forbidden else ""))
    for nodeid, reason in skipped:
        terminalreporter.line(f"{nodeid}: {reason}", red=forbidden)
