"""Up and down: what a lab leaves, and what it does not disturb."""

import json
import socket
from pathlib import Path

import psutil
import pytest

from lab.state import LabState, end_processes, kill_processes, running
from tests.lab.running_lab import Lab, lab_command, status_json

pytestmark = pytest.mark.lab


def processes_with(text: str) -> list[str]:
    """Command lines of living processes that have a text in them or in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
            if process.status() != psutil.STATUS_ZOMBIE and any(text in word for word in words):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except (psutil.Error, OSError):
            continue
    return found


def listeners(ports: list[int]) -> list[int]:
    def listens(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return [port for port in ports if listens(port)]


def all_ports(lab: Lab) -> list[int]:
    record = lab.record
    ends = [each for host in record.hosts.values() for each in (host.ssh, host.http)]
    ends += [*record.fronts.values(), record.repository, record.alertmanager, record.gitlab]
    return [end.port for end in ends if end] + [int(record.settings["control_port"])]


def test_down_leaves_no_process_no_port_and_no_file(lab_folder: Path) -> None:
    folder = lab_folder
    assert lab_command(folder, "up", "--hosts", "8").returncode == 0
    lab = Lab(LabState(folder))
    lab.command("traffic", "start")
    lab.command("break", "lock", "web-01")
    lab.ssh("web-01", "setsid sleep 600 >/dev/null 2>&1 </dev/null &", check=True)
    ports = all_ports(lab)
    assert len(listeners(ports)) > 10
    result = lab_command(folder, "down")
    assert (result.returncode, result.stdout) == (0, "the lab is down\n")
    assert processes_with(str(folder)) == []
    assert listeners(ports) == []
    assert not folder.exists()
    assert lab_command(folder, "down").returncode == 0, "down again is safe"


def test_two_labs_do_not_meet(lab: Lab, lab_folder: Path) -> None:
    folder = lab_folder
    assert lab_command(folder, "up", "--hosts", "8", "--stand-ins", "--version", "16.11.0-ee.0").returncode == 0
    second = Lab(LabState(folder))
    assert not set(all_ports(lab)) & set(all_ports(second))
    versions = {host["running"] for host in status_json(folder)["hosts"].values() if host["role"] == "web"}
    assert versions == {"16.11.0-ee.0"}
    assert lab_command(folder, "down").returncode == 0
    assert lab.server("web-01")["status"] == "UP"
    assert lab.ssh("web-01", "true").exit_status == 0


def test_up_again_starts_what_has_ended_on_the_same_ports(lab: Lab) -> None:
    before = all_ports(lab)
    ended = [each for each in lab.record.processes if each.name in ("ssh", "gitlab", "haproxy-lb-01")]
    assert len(ended) == 3
    end_processes(ended)
    lab.command("up")
    assert all_ports(lab) == before
    assert lab.ssh("web-01", "true").exit_status == 0
    assert all(running(each) for each in lab.record.processes)


def test_down_also_finds_the_hosts_processes_when_the_labs_own_were_killed(lab_folder: Path) -> None:
    folder = lab_folder
    assert lab_command(folder, "up", "--hosts", "8", "--stand-ins").returncode == 0
    kill_processes([process for each in LabState(folder).read().processes if (process := running(each))])
    assert processes_with(str(folder)), "applications run on"
    assert lab_command(folder, "down").returncode == 0
    assert processes_with(str(folder)) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["publish", "latest"], "'latest' is no version of the application", id="version"),
        pytest.param(["break", "gremlins"], "no fault is called 'gremlins'; there are alert, ", id="fault"),
        pytest.param(["break", "power"], "power breaks one host: name it", id="no host"),
        pytest.param(["break", "power", "web-99"], "the lab has no host 'web-99'; its hosts are deploy-01", id="host"),
        pytest.param(
            ["break", "alert", "web-01"], "alert does not belong to a host; leave 'web-01' out", id="host too many"
        ),
    ],
)
def test_a_mistake_is_one_sentence(lab: Lab, arguments: list[str], message: str) -> None:
    result = lab_command(lab.state.folder, *arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 1


def test_a_lab_that_cannot_start_says_so_and_leaves_nothing(lab_folder: Path) -> None:
    folder = lab_folder
    result = lab_command(folder, "up", "--hosts", "5")
    assert result.returncode == 1
    assert result.stderr == "a lab needs at least 8 hosts (one for each role and stage), not 5\n"
    assert not (folder / "lab.json").exists()


def test_status_tells_versions_and_places(lab: Lab) -> None:
    status = json.loads(lab.command("status", "--json").stdout)
    assert status["hosts"]["web-01"]["stage"] == "main"
    assert status["hosts"]["web-01"]["installed"] == status["hosts"]["web-01"]["running"] == "17.0.0-ee.0"
    assert status["hosts"]["web-01"]["balancer"] == "UP"
    assert status["hosts"]["sidekiq-01"]["balancer"] is None
    assert "sidekiq-01" in lab.command("status").stdout


def test_the_environment_file_is_one_that_takeoff_accepts(lab: Lab) -> None:
    from takeoff.core.environment_text import parse_environment

    path = lab.state.folder / "environments/lab.yml"
    environment = parse_environment(path.read_text(), path.name).environment
    assert environment.fleet == tuple(host.name for host in lab.record.layout.hosts)
    assert [str(server) for server in environment.servers_of("web-cny-01")["lb-01"]] == ["web/web-cny-01"]
