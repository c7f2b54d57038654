"""`make test` runs every test in one of its levels, though two of them read some folders only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("variable", "marks"),
    [
        pytest.param("LAB_TESTS", "lab|airflow", id="labs and Airflow"),
        pytest.param("ALONE_TESTS", "alone", id="what wants a machine of its own"),
    ],
)
def test_what_is_marked_for_a_level_stands_in_a_folder_that_it_reads(variable: str, marks: str) -> None:
    setting = re.search(rf"^{variable} := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert setting
    read = [ROOT / folder for folder in setting[1].split()]
    marked = {
        file
        for file in (ROOT / "tests").rglob("test_*.py")
        if file != Path(__file__) and re.search(rf"pytest\.mark\.({marks})\b", file.read_text())
    }
    assert marked
    assert {file for file in marked if not any(file.is_relative_to(folder) for folder in read)} == set()
