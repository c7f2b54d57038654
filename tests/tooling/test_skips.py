"""A skipped test is counted and named; where none may be skipped, it fails the run."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import pytest

def test_runs():
    pass

@pytest.mark.skip(reason="no HAProxy here")
def test_cannot_run():
    pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("TAKEOFF_NO_SKIPS", raising=False)
    pytester.makeconftest((Path(__file__).parents[1] / "conftest.py").read_text())
    pytester.makepyfile(SUITE)
    return pytester


def test_what_was_skipped_is_counted_and_named_with_its_reason(suite: pytest.Pytester) -> None:
    result = suite.runpytest_subprocess()
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["* 1 skipped *", "*::test_cannot_run: no HAProxy here", "*1 passed, 1 skipped*"])


@pytest.mark.parametrize("variable", ["CI", "TAKEOFF_NO_SKIPS"])
@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["in one process", "in several"])
def test_where_nothing_may_be_skipped_the_run_fails(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, variable: str, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv(variable, "true")
    result = suite.runpytest_subprocess(*arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*1 skipped, and none may be here*", "*::test_cannot_run: no HAProxy here"])


def test_a_run_without_skips_passes_there(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert suite.runpytest_subprocess("-k", "test_runs").ret == pytest.ExitCode.OK
