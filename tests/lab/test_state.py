import subprocess
import sys
from pathlib import Path

import pytest

from lab.layout import plan_layout
from lab.state import (
    LabError,
    LabRecord,
    LabState,
    ProcessRecord,
    end_processes,
    process_record,
    running,
    write_file,
)


@pytest.fixture
def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


def test_a_recorded_process_is_ended(sleeper: subprocess.Popen[bytes]) -> None:
    record = process_record("sleeper", sleeper.pid)
    assert running(record)
    end_processes([record])
    assert running(record) is None


def test_a_process_that_only_has_the_same_number_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    record = process_record("sleeper", sleeper.pid)
    end_processes([ProcessRecord(name="other", pid=record.pid, started=record.started - 100)])
    assert sleeper.poll() is None
    sleeper.kill()
    sleeper.wait(5)


def test_a_process_that_ignores_term_is_killed() -> None:
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    )
    stubborn = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert stubborn.stdout
    stubborn.stdout.readline()
    record = process_record("stubborn", stubborn.pid)
    end_processes([record], grace_seconds=0.2)
    assert running(record) is None
    stubborn.stdout.close()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    state = LabState(tmp_path)
    record = LabRecord(kind="process", layout=plan_layout(9), settings={"a": "b"})
    state.write(record)
    assert state.read() == record
    assert (tmp_path / "lab.json").stat().st_mode & 0o077 == 0, "it holds tokens"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "no lab is up here", id="no lab"),
        pytest.param(b"{", "unreadable", id="half a record"),
    ],
)
def test_a_missing_or_broken_record_is_one_sentence(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content:
        write_file(tmp_path / "lab.json", content)
    with pytest.raises(LabError, match=message):
        LabState(tmp_path).read()


def test_a_second_command_does_not_get_in(tmp_path: Path) -> None:
    state = LabState(tmp_path)
    with state.lock(), pytest.raises(LabError, match="another lab command"), LabState(tmp_path).lock(0.1):
        pass
    with state.lock(1):
        pass
