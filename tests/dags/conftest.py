"""A folder of environment files, and the DAGs that Airflow makes of it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.conftest import SMALL

ROOT = Path(__file__).resolve().parents[2]

QA = """\
qa: {url: "http://127.0.0.1:1", project: quality/staging}
"""


def environment_text(name: str) -> str:
    """A valid environment file with everything that makes a task."""
    return re.sub(r"^name: .*$", f"name: {name}", SMALL + QA, count=1, flags=re.MULTILINE)


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes environment files, name → text, into a folder of their own that Takeoff reads."""
    folder = tmp_path / "environments"
    folder.mkdir()
    monkeypatch.setenv("TAKEOFF_ENVIRONMENTS", str(folder))

    def write(**texts: str) -> Path:
        for name, text in texts.items():
            (folder / f"{name}.yml").write_text(text)
        return folder

    return write
