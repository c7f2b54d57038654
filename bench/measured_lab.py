"""A lab that is up for one measurement."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.layout import Layout
from lab.real.machine import refusal
from lab.state import LabRecord, LabState

ROOT = Path(__file__).resolve().parents[1]


def unmeasurable() -> str:
    """Say why nothing can be measured on real hosts here; empty if it can."""
    reason = refusal()
    return f"not measured: {reason}" if reason else ""


@contextmanager
def measured_lab(kind: str, hosts: int, *, layout: Layout | None = None) -> Iterator[LabState]:
    """Start a lab and take it down afterwards.

    Args:
        kind: ``process`` or ``real``.
        hosts: how many, the blessed node included.
        layout: which, instead of so many in the usual proportions.
    """
    with tempfile.TemporaryDirectory(prefix="takeoff-bench-") as name:
        Path(name).chmod(0o755)  # servers of the lab run as other users
        state = LabState(Path(name) / "lab")
        try:
            if layout is not None:
                state.write(LabRecord(kind=kind, layout=layout))
            call_lab(state, "up", "--kind", kind, "--hosts", str(hosts), "--balancers", "1")
            yield state
        finally:
            call_lab(state, "down")


def call_lab(state: LabState, verb: str, *arguments: str) -> None:
    """Run ``python -m lab`` on the lab.

    Raises:
        CalledProcessError: it failed, and has said why.
    """
    command = [sys.executable, "-m", "lab", verb, "--state", str(state.folder), *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
