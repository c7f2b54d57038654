"""Hosts as SSH shows them."""

import asyncio
from pathlib import Path

import asyncssh
import pytest

from lab.process.host import open_host, processes_of
from tests.lab.running_lab import Lab, eventually

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    "command", ["apt", "sudo", "systemctl", "service", "su", "reboot", "mount", "ip", "docker", "dpkg-deb"]
)
def test_the_machines_dangerous_commands_are_out_of_reach(lab: Lab, command: str) -> None:
    assert lab.ssh("web-01", f"command -v {command}").exit_status != 0


@pytest.mark.parametrize("command", ["apt-get", "apt-cache", "apt-mark", "dpkg", "dpkg-query", "socat", "curl", "df"])
def test_commands_that_could_change_the_machine_are_the_labs_own(lab: Lab, command: str) -> None:
    found = str(lab.ssh("web-01", f"command -v {command}", check=True).stdout).strip()
    assert found == f"{lab.state.folder}/commands/{command}"
    assert "/lab/process/commands/run.py" in Path(found).read_text() or command in ("curl", "df")


def test_every_command_of_the_path_lies_in_the_lab(lab: Lab) -> None:
    path = str(lab.ssh("web-01", "echo $PATH", check=True).stdout).strip()
    assert path.split(":") == [f"{lab.record.hosts['web-01'].root}/usr/bin", f"{lab.state.folder}/commands"]


def test_nothing_of_our_own_environment_reaches_a_host(lab: Lab) -> None:
    names = {line.partition("=")[0] for line in str(lab.ssh("web-01", "env").stdout).splitlines()}
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "USER", "LOGNAME", "SHELL", "TAKEOFF_HOST_ROOT", "LAB_HOST",
                     "LAB_HTTP_PORT", "PWD", "OLDPWD", "SHLVL", "_"}  # fmt: skip


def test_output_input_and_exit_status_come_through(lab: Lab) -> None:
    result = lab.ssh("web-01", "cat; echo told >&2; exit 7", input="given\n")
    assert (result.stdout, result.stderr, result.exit_status) == ("given\n", "told\n", 7)


def test_a_signal_that_ends_a_command_is_told(lab: Lab) -> None:
    result = lab.ssh("web-01", "kill -KILL $$")
    assert (result.exit_status, result.returncode) == (-1, -9)


def test_much_output_arrives_whole(lab: Lab) -> None:
    result = lab.ssh("web-01", "head -c 3000000 /dev/zero | tr '\\0' x")
    assert len(str(result.stdout)) == 3_000_000


def test_a_command_outlives_its_connection(lab: Lab) -> None:
    mark = lab.state.folder / "hosts/web-01/root/tmp/outlived"
    mark.unlink(missing_ok=True)

    async def cut() -> None:
        connection = await lab.connect("web-01")
        await connection.create_process('echo begun; sleep 1; echo later; : >"$TAKEOFF_HOST_ROOT/tmp/outlived"')
        await asyncio.sleep(0.3)
        connection.abort()

    asyncio.run(cut())
    eventually(mark.exists, "the command went on")


def test_many_commands_at_once_all_succeed(lab: Lab) -> None:
    async def run() -> list[int | None]:
        async with lab.connect("web-01") as connection:
            results = await asyncio.gather(*(connection.run(f"echo {n}; cat", input="x" * 1000) for n in range(60)))
            return [result.exit_status for result in results]

    assert asyncio.run(run()) == [0] * 60


def test_only_the_labs_user_with_the_labs_key_gets_in(lab: Lab) -> None:
    async def log_in(**options: object) -> None:
        async with lab.connect("web-01", **options):
            pass

    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(log_in(username="root"))
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(log_in(client_keys=[asyncssh.generate_private_key("ssh-ed25519")]))


def test_each_host_has_a_key_of_its_own(lab: Lab) -> None:
    lines = Path(lab.record.known_hosts).read_text().splitlines()
    assert len({line.split()[2] for line in lines}) == len(lines) == len(lab.record.layout.names)


def test_localhost_is_the_host_itself(lab: Lab) -> None:
    for host in ("web-01", "web-cny-01"):
        answer = lab.ssh(host, "curl -fsS -m 5 http://localhost/api/v4/version", check=True).stdout
        assert f'"host": "{host}"' in str(answer)
    assert str(lab.ssh("web-01", "hostname").stdout) == "web-01\n"


def test_curl_tells_http_errors_by_its_exit_status(lab: Lab) -> None:
    result = lab.ssh("web-01", "curl -fsS -o /dev/null -w '%{http_code}' -m 5 http://localhost/nothing-here")
    assert (result.stdout, result.exit_status) == ("404", 22)


def test_a_powered_off_host_loses_its_processes_and_keeps_its_disk(lab: Lab) -> None:
    lab.ssh(
        "web-02", 'echo kept >"$TAKEOFF_HOST_ROOT/root/note"; setsid sleep 600 >/dev/null 2>&1 </dev/null &', check=True
    )
    lab.command("break", "power", "web-02")
    try:
        assert processes_of([open_host(lab.state, "web-02", 0)]) == []
        with pytest.raises(OSError, match=r".*"):
            lab.ssh("web-02", "true")
    finally:
        lab.command("mend", "power", "web-02")
    assert str(lab.ssh("web-02", 'cat "$TAKEOFF_HOST_ROOT/root/note"').stdout) == "kept\n"
    eventually(lambda: lab.server("web-02")["status"] == "UP", "its services came back")
