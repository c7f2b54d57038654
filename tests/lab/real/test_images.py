"""The base that all hosts share: built soon enough, and once."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.lab.running import ROOT

pytestmark = [pytest.mark.lab, pytest.mark.soak]

BUILD = "from lab.real.image import build_images; build_images()"


def test_the_base_is_built_within_three_minutes_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEOFF_LAB_CACHE", str(tmp_path))
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", BUILD], cwd=ROOT, check=True)
    assert time.monotonic() - begun <= 180
    built = {folder.name: folder.stat().st_ctime_ns for folder in tmp_path.iterdir() if folder.is_dir()}
    assert len(built) == 2, "one image for hosts, one for balancers and other servers"
    subprocess.run([sys.executable, "-c", BUILD], cwd=ROOT, check=True)
    assert {folder.name: folder.stat().st_ctime_ns for folder in tmp_path.iterdir() if folder.is_dir()} == built
