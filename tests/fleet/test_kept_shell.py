"""A host's kept shell: what runs in it looks as if it had a shell of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from takeoff.core.environment import SshSettings
from takeoff.core.errors import HostUnreachable
from takeoff.core.hosts import Host
from takeoff.fleet.connections import SshTransport
from takeoff.fleet.kept_shell import SHELL_LOOP
from takeoff.fleet.ssh_credentials import SshCredentials
from tests.fleet.ssh_hosts import SshHost, SshHosts


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[SshHosts]:
    async with SshHosts(tmp_path / "servers", ["web-01"]) as servers:
        yield servers


@pytest.fixture
async def transport(servers: SshHosts) -> AsyncIterator[SshTransport]:
    """A transport that has its shell on the host already."""
    host = servers.hosts["web-01"]
    transport = SshTransport(
        {"web-01": Host(name="web-01", address="127.0.0.1", port=host.port)},
        SshSettings(become="none"),
        SshCredentials(user="takeoff", key_file=servers.key_file, known_hosts=servers.known_hosts),
    )
    for _ in range(2):
        await transport.run("web-01", "true")
    yield transport
    await transport.aclose()


@pytest.fixture
def host(servers: SshHosts) -> SshHost:
    return servers.hosts["web-01"]


async def test_many_scripts_share_one_shell(transport: SshTransport, host: SshHost) -> None:
    commands = host.commands

    said = [(await transport.run("web-01", f"echo {number}")).text for number in range(20)]

    assert said == [f"{number}\n" for number in range(20)]
    assert host.commands == commands


async def test_a_script_gets_its_arguments_and_input_and_gives_output_error_and_status(transport: SshTransport) -> None:
    script = 'printf "%s|" "$@"; cat; echo oops >&2; exit 7\n# café ☃\n'
    arguments = ("a b", "$(touch x)", "'\"\\", "", "-n")

    done = await transport.run("web-01", script, arguments, stdin=b"\x00\xff\n")

    assert done.stdout == b"a b|$(touch x)|'\"\\||-n|\x00\xff\n"
    assert (done.exit_status, done.error_text) == (7, "oops\n")


@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(("end", "ran"), [("\n#mark", True), ("", False)], ids=["whole", "cut"])
def test_a_script_that_a_broken_connection_has_cut_is_not_run(tmp_path: Path, shell: str, end: str, ran: bool) -> None:
    sent = f"touch ran{end}"
    size = len(sent) if ran else len(sent) + 20
    command = [shell, "-c", SHELL_LOOP, "takeoff", "mark"]
    done = subprocess.run(
        command, input=f"{size} 0 0 \n{sent}".encode(), cwd=tmp_path, capture_output=True, check=False
    )
    assert ((tmp_path / "ran").exists(), done.returncode) == (ran, 0 if ran else 65)


async def test_a_long_script_and_a_long_input_arrive_whole(transport: SshTransport) -> None:
    done = await transport.run("web-01", "# " + "x" * 200_000 + "\nwc -c", stdin=os.urandom(3_000_000))

    assert done.text.strip() == "3000000"


async def test_a_long_output_arrives_whole(transport: SshTransport) -> None:
    done = await transport.run("web-01", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2")

    assert (len(done.stdout), len(done.stderr)) == (3_000_000, 3_000_000)


@pytest.mark.parametrize("text", ["exit 3", "true", "read -r first; exit 0", "head -c 3 >/dev/null"])
async def test_input_that_a_script_leaves_is_not_taken_for_the_next_one(transport: SshTransport, text: str) -> None:
    await transport.run("web-01", text, stdin=b"12 0\ntouch x\n" * 50_000)

    assert (await transport.run("web-01", "echo here")).text == "here\n"
    assert (await transport.run("web-01", "cat")).text == ""


@pytest.mark.parametrize(
    "text",
    ["cd /", "set -eu; false", "trap 'echo left' EXIT", "exec 1>&-", "PATH=/nowhere", "echo() { exit 9; }", "if true"],
)
async def test_a_script_changes_nothing_for_the_next_one(transport: SshTransport, text: str) -> None:
    await transport.run("web-01", text)

    done = await transport.run("web-01", 'echo "$# ${unset_here:-}"; pwd', ("one",))

    assert done.text == f"1 \n{(await transport.run('web-01', 'pwd')).text}"
    assert done.text.startswith("1 \n/")
    assert not done.text.endswith("\n/\n")


async def test_each_script_of_many_is_itself_when_it_comes_again(transport: SshTransport) -> None:
    scripts = [f'printf "%s|" "$@" {number}' for number in range(8)]

    said = [(await transport.run("web-01", script, (" a\n b", "\\"))).text for script in (*scripts, *scripts)]

    assert said == [f" a\n b|\\|{number}|" for number in (*range(8), *range(8))]


async def test_a_text_that_was_sent_before_is_not_sent_again(transport: SshTransport, host: SshHost) -> None:
    script = ": " + "x" * 100_000 + "\nexit $#"
    for words in ((), ("a",), ("a b", "c")):
        assert (await transport.run("web-01", script, words)).exit_status == len(words)

    assert host.input_bytes < 110_000


async def test_a_trap_runs_when_its_script_ends(transport: SshTransport) -> None:
    done = await transport.run("web-01", "trap 'echo left' EXIT; echo right; exit 4")

    assert (done.text, done.exit_status) == ("right\nleft\n", 4)


async def test_a_command_that_a_signal_ended_has_its_negative_number(transport: SshTransport) -> None:
    assert (await transport.run("web-01", "sh -c 'kill -TERM $$'")).exit_status == -15


async def test_scripts_at_the_same_time_do_not_wait_for_each_other(transport: SshTransport, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    waiting = asyncio.create_task(transport.run("web-01", f"cat {fifo}"))

    await transport.run("web-01", f"echo met >{fifo}")

    assert (await waiting).text == "met\n"


async def test_a_script_whose_time_is_over_is_given_up_and_the_next_one_has_its_own_answer(
    transport: SshTransport,
) -> None:
    with pytest.raises(HostUnreachable, match="gave no answer in"):
        await transport.run("web-01", "echo late; sleep 2; echo later", timeout_s=0.3)

    assert (await transport.run("web-01", "echo here")).text == "here\n"


async def test_a_shell_that_was_killed_is_told_and_made_again(transport: SshTransport) -> None:
    with pytest.raises(HostUnreachable, match="what ran there may run on"):
        await transport.run("web-01", "kill -KILL $$")

    assert (await transport.run("web-01", "echo here")).text == "here\n"


async def test_a_lost_connection_is_made_again_with_another_shell(transport: SshTransport, host: SshHost) -> None:
    host.cut()

    said = [(await transport.run("web-01", f"echo {number}")).text for number in range(3)]

    assert said == ["0\n", "1\n", "2\n"]
    assert host.logins == 2
