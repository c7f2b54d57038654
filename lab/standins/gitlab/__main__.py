"""Run the stand-in: ``python -m lab.standins.gitlab ADDRESS PORT STATE``."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.standins.gitlab.server import Gitlab
from lab.state import LabState

if __name__ == "__main__":
    Gitlab(LabState(Path(sys.argv[3]))).api().serve(sys.argv[1], int(sys.argv[2]))
