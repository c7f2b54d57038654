"""Hosts of the kind `process` can do no harm to the machine that they share."""

from pathlib import Path

import pytest

from lab.process.host import open_host, processes_of
from tests.lab.running import RunningLab

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "command", ["apt", "sudo", "systemctl", "service", "su", "reboot", "mount", "ip", "docker", "dpkg-deb"]
)
def test_the_machines_dangerous_commands_are_out_of_reach(lab: RunningLab, command: str) -> None:
    assert lab.kind.run("web-01", f"command -v {command}").status != 0


@pytest.mark.parametrize("command", ["apt-get", "apt-cache", "apt-mark", "dpkg", "dpkg-query", "socat", "curl", "df"])
def test_commands_that_could_change_the_machine_are_the_labs_own(lab: RunningLab, command: str) -> None:
    found = lab.run("web-01", f"command -v {command}").strip()
    assert found == f"{lab.state.folder}/commands/{command}"
    assert "/lab/process/commands/run.py" in Path(found).read_text() or command in ("curl", "df")


def test_every_command_of_the_path_lies_in_the_lab(lab: RunningLab) -> None:
    path = f"{lab.record.hosts['web-01'].root}/usr/bin:{lab.state.folder}/commands"
    assert lab.said("web-01", "echo $PATH") == path


def test_nothing_of_our_own_environment_reaches_a_host(lab: RunningLab) -> None:
    names = {line.partition("=")[0] for line in lab.said("web-01", "env").splitlines()}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME", "SHELL", "TAKEOFF_HOST_ROOT", "LAB_HOST",
                     "LAB_HTTP_PORT", "PWD", "OLDPWD", "SHLVL", "_"}  # fmt: skip


def test_without_power_no_process_carries_the_hosts_root(lab: RunningLab) -> None:
    host = open_host(lab.state, "sidekiq-01", 0)
    assert processes_of([host])
    lab.break_("power", "sidekiq-01")
    try:
        assert processes_of([host]) == []
    finally:
        lab.mend("power", "sidekiq-01")
