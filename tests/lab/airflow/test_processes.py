"""Recorded processes: real ones, started, crashed and stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from lab.airflow import processes
from lab.airflow.processes import BOOT_ID, RecordedProcess

T = TypeVar("T")


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "some.process"
    yield file
    processes.stop([file], politely=signal.SIGKILL, patience=5.0)


@pytest.fixture
def spawn(record: Path) -> Callable[[str], RecordedProcess]:
    def start(shell_text: str) -> RecordedProcess:
        processes.spawn(
            ["/bin/sh", "-c", shell_text], record=record, log=record.parent / "log", env=os.environ, cwd=record.parent
        )
        return await_value(lambda: RecordedProcess.read(record))

    return start


def await_value(question: Callable[[], T | bool | None], patience: float = 10.0) -> T:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.01)
    raise AssertionError(f"no answer within {patience} s")


def test_a_process_is_recorded_by_its_own_hand_and_prints_to_its_log(spawn, record: Path) -> None:
    process = spawn("echo hello; echo trouble >&2; exec sleep 60")
    assert process.is_alive()
    assert os.getsid(process.pid) == process.pid
    await_value(lambda: (record.parent / "log").read_text() == "hello\ntrouble\n")


def test_stop_ends_the_process_its_descendants_and_the_record(spawn, record: Path) -> None:
    process = spawn("sleep 60 & sleep 60 & wait")
    family = await_value(lambda: len(found := process.family()) == 3 and found)
    processes.stop([record], politely=signal.SIGTERM, patience=0.5)
    assert not any(processes._runs(member) for member in family)
    assert not record.exists()


def test_stop_kills_what_ignores_the_polite_signal(spawn, record: Path) -> None:
    process = spawn("trap '' TERM; echo ready; while :; do sleep 60; done")
    await_value(lambda: "ready" in (record.parent / "log").read_text())
    processes.stop([record], politely=signal.SIGTERM, patience=0.3)
    assert not process.is_alive()


def test_stop_ends_what_a_dead_process_left_in_its_session(spawn, record: Path) -> None:
    process = spawn("sleep 60 & echo $!; wait")
    orphan = psutil.Process(int(await_value(lambda: (record.parent / "log").read_text().strip())))
    os.kill(process.pid, signal.SIGKILL)
    await_value(lambda: not process.is_alive())
    assert orphan.is_running()
    processes.stop([record], politely=signal.SIGTERM, patience=0.5)
    assert not processes._runs(orphan)


def test_a_foreign_process_that_was_given_the_same_id_is_left_alone(tmp_path: Path) -> None:
    record = tmp_path / "old.process"
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as foreign:
        boot, stat = BOOT_ID.read_text(), Path(f"/proc/{foreign.pid}/stat").read_text()
        fields = stat.split()
        fields[21] = str(int(fields[21]) - 1)
        record.write_text(f"{boot}{' '.join(fields)}\n")
        processes.stop([record], politely=signal.SIGTERM, patience=0.5)
        assert foreign.poll() is None
        assert not record.exists()
        foreign.kill()


def test_a_record_from_before_a_reboot_names_nobody(tmp_path: Path) -> None:
    record = tmp_path / "old.process"
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as foreign:
        record.write_text("another-boot\n" + Path(f"/proc/{foreign.pid}/stat").read_text())
        processes.stop([record], politely=signal.SIGTERM, patience=0.5)
        assert foreign.poll() is None
        foreign.kill()


def test_a_record_that_its_process_is_just_writing_is_waited_for(record: Path) -> None:
    with record.open("wb") as recorded:
        script = f"sleep 0.2; {processes.RECORD_THEN_EXEC}"
        late = subprocess.Popen(["/bin/sh", "-c", script, "sh", "sleep", "60"], stdout=recorded, start_new_session=True)
    processes.stop([record], politely=signal.SIGTERM, patience=5.0)
    assert late.wait(5.0) == -signal.SIGTERM


def test_stopping_what_never_ran_is_no_error(tmp_path: Path) -> None:
    processes.stop([tmp_path / "none.process"], politely=signal.SIGTERM, patience=5.0)
