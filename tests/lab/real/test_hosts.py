"""Real hosts are hosts: what is theirs is their own."""

from pathlib import Path

import psutil
import pytest
import requests

from lab.real import namespaces
from tests.lab.running import RunningLab

pytestmark = pytest.mark.lab


def test_a_host_has_its_own_file_system(lab: RunningLab) -> None:
    lab.said("web-01", "echo mine >/var/tmp/mine")
    assert lab.ssh("git-01", "cat /var/tmp/mine").exit_status != 0
    assert not Path("/var/tmp/mine").exists()


def test_a_host_sees_only_its_own_processes(lab: RunningLab) -> None:
    listed = lab.said("web-01", "ps ax -o pid=,args=")
    assert listed.splitlines()[0].split(maxsplit=1) == ["1", "/bin/sh /etc/lab/init"]
    assert "haproxy" not in listed
    assert len(listed.splitlines()) < 20


def test_a_host_has_its_own_name_and_address(lab: RunningLab) -> None:
    assert lab.said("web-01", "hostname") == "web-01"
    assert lab.record.hosts["web-01"].ssh.address in lab.said("web-01", "ip -4 -o address show dev eth0")


def test_a_host_reaches_the_lab_and_nothing_else(lab: RunningLab) -> None:
    assert "default" not in lab.said("web-01", "ip route")
    assert lab.ssh("web-01", "curl -s -m 2 http://192.0.2.1/").exit_status == 7  # curl: no connection


def test_the_user_may_become_root_without_a_password(lab: RunningLab) -> None:
    assert lab.said("web-01", "id -un; sudo -n id -un").split() == ["takeoff", "root"]


def test_users_reach_the_application_through_both_balancers_from_this_machine(lab: RunningLab) -> None:
    for node in lab.record.layout.balancers:
        address = lab.record.hosts[node].http
        answers = {requests.get(f"{address.url}/api/v4/version", timeout=5).json()["host"] for _ in range(8)}
        assert {"web-cny-01", "web-01"} <= answers


def test_an_idle_host_with_the_application_takes_less_than_20_mb(lab: RunningLab) -> None:
    parts = namespaces.find(lab.state.folder)
    for host in lab.record.layout.hosts:
        first = parts[host.name]
        total = sum(_proportional_kib(each) for each in (first, *first.children(recursive=True)))
        assert total < 20_000, f"{host.name} takes {total} KiB"


def test_up_again_changes_nothing(lab: RunningLab) -> None:
    before = {name: process.pid for name, process in namespaces.find(lab.state.folder).items()}
    lab.command("up")
    assert {name: process.pid for name, process in namespaces.find(lab.state.folder).items()} == before


def _proportional_kib(process: psutil.Process) -> int:
    """The process's share of the memory that it uses: shared pages count in proportion."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
