"""Tests keep nothing in the home of the person who runs them."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import os
from pathlib import Path

def test_keeps_something():
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder.mkdir()
    (folder / "kept").touch()
    Path("home").write_text(str(Path.home()))
"""


def test_what_a_test_keeps_in_a_home_is_gone_afterwards(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytester.makeconftest((Path(__file__).parents[1] / "conftest.py").read_text())
    pytester.makepyfile(SUITE)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert pytester.runpytest_subprocess().ret == pytest.ExitCode.OK
    assert list(tmp_path.iterdir()) == []
    assert not Path((pytester.path / "home").read_text()).exists()
