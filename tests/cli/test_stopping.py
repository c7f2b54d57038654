"""Ctrl-C and SIGTERM sent to a real process that carries a task out: the first one, and the second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.core.conftest import SMALL

ROOT = Path(__file__).parents[2]

PROGRAM = """
import asyncio, sys
from takeoff import cli
from takeoff.commands.deploy_progress import DeployProgress
from takeoff.commands.stopping import run_stoppable
from takeoff.core.errors import Halted
from takeoff.core.task_ids import TaskKind, TaskSpec

kind, *hosts = sys.argv[1:]
progress = DeployProgress()

async def work(session):
    if kind != "nothing":
        progress.begins(TaskSpec(f"main.{kind}", TaskKind(kind), "main", "web"), len(hosts))
    progress.host("web-01", "draining")
    progress.host("web-01", "changed")
    for host in hosts:
        progress.host(host, "installing")
    print("ready", flush=True)
    while session.stop.halt is None:
        await asyncio.sleep(0.01)
    if not await asyncio.to_thread(sys.stdin.readline):
        await asyncio.Event().wait()
    raise Halted("the hosts in flight were finished")

cli.app = lambda: run_stoppable("lab", work, progress, again="takeoff deploy lab 17.1.0")
cli.main()
"""
"""`takeoff` with a task of its own: asked to stop, it ends once it is given a line."""


@contextmanager
def working(folder: Path, kind: str, *hosts: str) -> Iterator[subprocess.Popen[str]]:
    (folder / "known_hosts").write_text("")
    (folder / "lab.yml").write_text(SMALL.replace("become: none", "become: none, known_hosts: known_hosts"))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TAKEOFF_")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, kind, *hosts],
        env=environment | {"TAKEOFF_ENVIRONMENTS": str(folder), "PYTHONPATH": str(ROOT / "plugins")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any(line == "ready\n" for line in process.stdout), process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize(
    ("number", "kind", "hosts", "told"),
    [
        pytest.param(
            signal.SIGINT,
            "rollout",
            ("web-03", "web-04"),
            "finishing web-03, web-04; press Ctrl-C again to leave them as they are: the host jobs go on and a rerun "
            "attaches",
            id="a rollout",
        ),
        pytest.param(
            signal.SIGTERM,
            "rollout",
            ("web-03",),
            "finishing web-03; send it again to leave them as they are: the host jobs go on and a rerun attaches",
            id="a rollout, SIGTERM",
        ),
        pytest.param(
            signal.SIGINT,
            "rollout",
            (),
            "stopping before the next host; press Ctrl-C again to leave at once",
            id="a rollout between two hosts",
        ),
        pytest.param(
            signal.SIGINT,
            "finish",
            (),
            "finish is all that is left and ends in a moment; press Ctrl-C again to leave at once",
            id="the end",
        ),
    ],
)
def test_the_first_signal_finishes_what_is_in_flight_and_says_at_once_what_it_does(
    tmp_path: Path, number: int, kind: str, hosts: tuple[str, ...], told: str
) -> None:
    with working(tmp_path, kind, *hosts) as process:
        process.send_signal(number)
        assert next_line(process) == told
        assert process.poll() is None
        stdout, stderr = process.communicate("\n", timeout=30)
    assert (process.returncode, stdout) == (1, "")
    assert stderr == "takeoff: the hosts in flight were finished\n"


@pytest.mark.parametrize(
    ("kind", "hosts", "told"),
    [
        (
            "migrations",
            ("deploy-01",),
            "leaving main.migrations: what was begun goes on on deploy-01; `takeoff deploy lab 17.1.0` attaches to it",
        ),
        ("qa", (), "leaving main.qa: no host is in flight; `takeoff deploy lab 17.1.0` attaches to it"),
        (
            "nothing",
            (),
            "leaving: what was begun on a host goes on there; `takeoff deploy lab 17.1.0` attaches to it",
        ),
    ],
    ids=["migrations", "qa", "preflight"],
)
def test_the_first_signal_leaves_what_may_last_for_hours_and_says_how_to_attach_again(
    tmp_path: Path, kind: str, hosts: tuple[str, ...], told: str
) -> None:
    with working(tmp_path, kind, *hosts) as process:
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (1, told + "\n")
    assert stderr == "takeoff: interrupted: what runs on hosts runs on; `takeoff deploy lab 17.1.0` goes on with it\n"


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM], ids=lambda one: one.name)
def test_the_second_signal_leaves_at_once_and_names_the_hosts_that_stay_out(
    tmp_path: Path, second: signal.Signals
) -> None:
    with working(tmp_path, "rollout", "web-03", "web-04") as process:
        process.send_signal(signal.SIGINT)
        assert next_line(process).startswith("finishing web-03, web-04")
        process.send_signal(second)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 1
    assert stderr == (
        "takeoff: left in the middle of main.rollout: the jobs on web-03, web-04 go on, and these hosts stay out of "
        "service until `takeoff deploy lab 17.1.0` finishes them\n"
    )
