"""Where systemd would end a session's processes, a job gets a scope of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from takeoff.fleet.host_script import HOST_SCRIPT


@pytest.mark.parametrize("works", [True, False], ids=["systemd answers", "systemd does not answer"])
def test_a_job_is_launched_in_a_scope_where_systemd_can_make_one(tmp_path: Path, works: bool) -> None:
    # Without TAKEOFF_HOST_ROOT, as on a real host, and with a systemd-run that notes what it is asked for.
    program = tmp_path / "bin" / "systemd-run"
    program.parent.mkdir()
    launch = 'while [ $# -gt 0 ]; do case $1 in --*) shift ;; *) break ;; esac; done\nexec "$@"\n'
    program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n{launch if works else "exit 1"}\n')
    program.chmod(0o755)
    script = HOST_SCRIPT.replace("/run/systemd/system", str(tmp_path))
    environment = {"PATH": f"{program.parent}:{os.environ['PATH']}"}
    payload = b"echo ran"
    words = [
        "job-ensure",
        str(tmp_path / "state"),
        "lab",
        str(len(payload)),
        "1",
        "a",
        "lab-1",
        "web-01",
        "s",
        "0",
        "10",
    ]

    shell = shutil.which("dash") or "sh"
    fence = ["fence", str(tmp_path / "state"), "lab", "0", "1", "a", ""]
    subprocess.run([shell, "-c", script, "takeoff", *fence], env=environment, capture_output=True, check=True)
    done = subprocess.run(
        [shell, "-c", script, "takeoff", *words], input=payload, env=environment, capture_output=True, check=True
    )

    assert b"state=done rc=0" in done.stdout
    assert done.stdout.endswith(b"\nran\n")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[0] == "--scope --quiet --collect true"
    assert asked[1:2] == (
        ["--scope --quiet --collect --description=Takeoff: lab-1/web-01/s/1 setsid sh -c "] if works else []
    )
