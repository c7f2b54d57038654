"""A whole Airflow, really started, and what is left when it, or whoever started it, comes to an end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import requests

from lab.airflow import LocalAirflow, launch
from lab.airflow.processes import RecordedProcess
from lab.state import LabError
from tests.conftest import folder_within_reach


@pytest.fixture
def airflow(reachable_folder: Path) -> Iterator[LocalAirflow]:
    (reachable_folder / "environments").mkdir()
    local = LocalAirflow(reachable_folder / "state", reachable_folder / "environments", connections={})
    yield local
    local.stop()


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAirflow]:
    """Yield one that runs, for the tests that leave it as it is and the one that stops it; see :func:`dags_of`."""
    with folder_within_reach() as folder:
        for name in ("environments", "dags"):
            (folder / name).mkdir()
        local = LocalAirflow(
            folder / "state",
            folder / "environments",
            connections={},
            extra_env={"AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags")},
        )
        local.start()
        yield local
        local.stop()


def dags_of(running: LocalAirflow) -> Path:
    """The folder of its DAG files, which is empty at first."""
    return running.state_dir.with_name("dags")


def recorded(state: Path) -> dict[str, RecordedProcess]:
    """All processes that have a record, by name."""
    records = [*(state / "run").glob("*.process"), *(state / "postgres").glob("*.process")]
    return {record.stem: process for record in records if (process := RecordedProcess.read(record))}


def of_that_airflow(state: Path) -> list[str]:
    """Everything that runs and names the state folder in its arguments, working folder or open files."""
    found = []
    for process in psutil.process_iter():
        try:
            names = [*process.cmdline(), process.cwd(), *(file.path for file in process.open_files())]
            if process.pid != os.getpid() and any(name.startswith(str(state)) for name in names):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except psutil.Error:
            continue
    return found


def addresses_listened_on(state: Path) -> set[tuple[str, int]]:
    """Address and port of every socket that a recorded process or a child of one listens on."""
    found = set()
    for member in [member for process in recorded(state).values() for member in process.family()]:
        # Airflow's short-lived children may end while they are looked at.
        with contextlib.suppress(psutil.NoSuchProcess):
            found |= {tuple(one.laddr) for one in member.net_connections("inet") if not one.raddr}
    return found


def is_listened_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.airflow
def test_it_becomes_healthy_knows_its_accounts_and_listens_on_loopback_only(running: LocalAirflow) -> None:
    health = requests.get(f"{running.base_url}/api/v2/monitor/health", timeout=10).json()
    assert {part: health[part]["status"] for part in sorted(health)} == {
        "dag_processor": "healthy",
        "metadatabase": "healthy",
        "scheduler": "healthy",
        "triggerer": "healthy",
    }

    for account in (running.admin, running.service_account):
        login = {"username": account.name, "password": account.password}
        assert requests.post(f"{running.base_url}/auth/token", json=login, timeout=10).status_code == 201

    assert addresses_listened_on(running.state_dir) == {("127.0.0.1", int(running.base_url[17:]))}


@pytest.mark.airflow
def test_a_second_start_leaves_one_that_runs_as_it_is(running: LocalAirflow) -> None:
    before = recorded(running.state_dir)
    running.start()
    assert recorded(running.state_dir) == before


DAG_THAT_WORKS_AND_WAITS = """
from datetime import timedelta
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import dag, task

@dag(schedule=None)
def sample():
    @task
    def greet():
        print("hello from the worker")

    greet() >> TimeDeltaSensor(task_id="wait", delta=timedelta(seconds=1), deferrable=True)

sample()
"""


@pytest.mark.airflow
def test_a_dag_file_added_later_runs_on_worker_and_triggerer_and_its_log_can_be_read(running: LocalAirflow) -> None:
    login = {"username": running.service_account.name, "password": running.service_account.password}
    token = requests.post(f"{running.base_url}/auth/token", json=login, timeout=10).json()["access_token"]
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    api = f"{running.base_url}/api/v2/dags/sample"

    (dags_of(running) / "sample.py").write_text(DAG_THAT_WORKS_AND_WAITS)
    await_true(lambda: session.get(api, timeout=30).ok, patience=60)
    answer = session.post(f"{api}/dagRuns", json={"logical_date": None}, timeout=10)
    run = f"{api}/dagRuns/{answer.json()['dag_run_id']}"
    await_true(lambda: session.get(run, timeout=30).json()["state"] in {"success", "failed"}, patience=100)

    states = {
        task["task_id"]: task["state"]
        for task in session.get(f"{run}/taskInstances", timeout=30).json()["task_instances"]
    }
    assert states == {"greet": "success", "wait": "success"}
    assert "hello from the worker" in session.get(f"{run}/taskInstances/greet/logs/1", timeout=10).text


@pytest.mark.airflow
def test_another_process_stops_it_and_nothing_is_left(running: LocalAirflow) -> None:
    LocalAirflow(running.state_dir, running.environments_dir, connections={}).stop()
    assert of_that_airflow(running.state_dir) == []
    assert not is_listened_on(int(running.base_url[17:]))
    running.stop()


@pytest.mark.airflow
@pytest.mark.parametrize("reached", ["postgres", "launch", "api-server"])
def test_what_a_killed_starter_left_is_stopped_by_another_process(airflow: LocalAirflow, reached: str) -> None:
    state, environments = str(airflow.state_dir), str(airflow.environments_dir)
    script = (
        "from pathlib import Path; from lab.airflow import LocalAirflow;"
        f"LocalAirflow(Path({state!r}), Path({environments!r}), connections={{}}).start()"
    )
    with subprocess.Popen([sys.executable, "-c", script]) as starter:
        deadline = time.monotonic() + 60
        while reached not in recorded(airflow.state_dir):
            assert starter.poll() is None, "the start ended too early to be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        starter.send_signal(signal.SIGKILL)
    airflow.stop()
    assert of_that_airflow(airflow.state_dir) == []
    assert recorded(airflow.state_dir) == {}


@pytest.mark.airflow
def test_a_component_that_dies_is_named_with_the_end_of_its_log_and_the_rest_is_stopped(reachable_folder: Path) -> None:
    wrong = {"AIRFLOW__CORE__EXECUTOR": "NoSuchExecutor"}
    airflow = LocalAirflow(reachable_folder, reachable_folder, connections={}, extra_env=wrong)
    with pytest.raises(LabError, match=r"(?s)Airflow.*(scheduler ended|could not be started).*NoSuchExecutor"):
        airflow.start()
    assert of_that_airflow(reachable_folder) == []


def test_a_port_in_use_is_refused_in_one_sentence_before_anything_starts(reachable_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LabError, match=f"Port {port} of 127.0.0.1 is in use: free it, or choose another"):
            LocalAirflow(reachable_folder, reachable_folder, port=port, connections={}).start()
    assert recorded(reachable_folder) == {}


def test_a_foreign_process_under_a_recorded_id_survives_stop(airflow: LocalAirflow) -> None:
    record = launch.record_file(airflow.state_dir / "run", "scheduler")
    record.parent.mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as foreign:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        fields = Path(f"/proc/{foreign.pid}/stat").read_text().split()
        fields[21] = str(int(fields[21]) - 1)
        record.write_text(f"{boot}{' '.join(fields)}\n")
        airflow.stop()
        assert foreign.poll() is None
        foreign.kill()


def test_secrets_are_kept_for_the_next_start_and_readable_by_their_owner_only(airflow: LocalAirflow) -> None:
    password = airflow.admin_password
    again = LocalAirflow(airflow.state_dir, airflow.environments_dir, connections={})
    assert again.admin_password == password != again.service_account.password
    assert (airflow.state_dir / "airflow" / "secrets.json").stat().st_mode & 0o077 == 0


def test_two_who_look_at_a_new_airflow_at_once_see_the_same_secrets(reachable_folder: Path) -> None:
    def look(_: int) -> tuple[str, str]:
        local = LocalAirflow(reachable_folder, reachable_folder, connections={})
        return local.admin_password, local.base_url

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(look, range(64)))) == 1
    assert [file.name for file in (reachable_folder / "airflow").iterdir()] == ["secrets.json"]


def await_true(question: Callable[[], bool], patience: float) -> None:
    deadline = time.monotonic() + patience
    while not question():
        assert time.monotonic() < deadline, f"not so within {patience} s"
        time.sleep(0.2)
