"""A lab that goes down leaves nothing behind, also after a crash, and touches no other lab."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.real import namespaces, network
from lab.state import LabState
from tests.lab.running import ROOT, RunningLab, eventually, lab_command

pytestmark = pytest.mark.lab


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Yield the folder of a second lab, which is taken down whatever happens."""
    yield tmp_path / "second"
    lab_command(tmp_path / "second", "down")


def traces(folder: Path) -> dict[str, list[str]]:
    """Everything on this machine that tells of a lab: processes, mounts in any namespace, interfaces, namespaces."""
    mounts = [path for path in Path("/proc").glob("[0-9]*/mountinfo") if str(folder) in _read(path)]
    links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
    return {
        "processes": [str(process.pid) for process in namespaces.find(folder).values()],
        "mounts": [str(path) for path in mounts],
        "links": [link["ifname"] for link in links if link["ifname"] == network.machine_cable(folder)],
        "files": [str(folder)] if folder.exists() else [],
    }


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


NOTHING: dict[str, list[str]] = {"processes": [], "mounts": [], "links": [], "files": []}


def test_two_labs_run_at_once_and_one_goes_down_alone(lab: RunningLab, folder: Path) -> None:
    others = {name: process.pid for name, process in namespaces.find(lab.state.folder).items()}
    assert lab_command(folder, "up", "--kind", "real", "--hosts", "8").returncode == 0
    second = RunningLab(LabState(folder))
    assert second.said("web-01", "hostname") == "web-01"
    assert second.record.settings["subnet"] != lab.record.settings["subnet"]
    second.fault("delay", "web-01").apply("web-01")
    second.fault("disk-full", "web-01").apply("web-01")
    assert all(traces(folder).values())
    assert lab_command(folder, "down").returncode == 0
    assert traces(folder) == NOTHING
    assert {name: process.pid for name, process in namespaces.find(lab.state.folder).items()} == others
    lab.await_serving()


@pytest.mark.parametrize(
    "parts", [pytest.param(1, id="with the network made"), pytest.param(6, id="in the midst of booting")]
)
def test_a_lab_whose_start_was_killed_is_taken_down_wholly(lab: RunningLab, folder: Path, parts: int) -> None:
    command = [sys.executable, "-m", "lab", "up", "--kind", "real", "--hosts", "8", "--state", str(folder)]
    starting = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: len(namespaces.find(folder)) >= parts, f"{parts} parts of the lab run", seconds=60)
    starting.kill()
    starting.wait()
    assert lab_command(folder, "down").returncode == 0
    assert traces(folder) == NOTHING


def test_a_lab_whose_start_was_killed_comes_up_when_started_again(lab: RunningLab, folder: Path) -> None:
    command = [sys.executable, "-m", "lab", "up", "--kind", "real", "--hosts", "8", "--state", str(folder)]
    starting = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: len(namespaces.find(folder)) >= 8, "most of the lab runs", seconds=60)
    starting.kill()
    starting.wait()
    again = lab_command(folder, "up")
    assert again.returncode == 0, again.stderr
    assert RunningLab(LabState(folder)).said("web-01", "dpkg-query -W -f '${Version}' gitlab-ee") == "17.0.0-ee.0"


def test_down_and_up_again_keeps_the_disks(lab: RunningLab, folder: Path) -> None:
    assert lab_command(folder, "up", "--kind", "real", "--hosts", "8").returncode == 0
    RunningLab(LabState(folder)).run("web-01", "echo kept >/root/kept")
    assert lab_command(folder, "down", "--keep").returncode == 0
    assert {**traces(folder), "files": []} == NOTHING
    assert lab_command(folder, "up").returncode == 0
    assert RunningLab(LabState(folder)).said("web-01", "sudo cat /root/kept") == "kept"
