"""SSH to real servers: what is kept, made again, checked and refused, and what an operator reads about it."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncssh
import pytest

from takeoff.core.environment import SshSettings
from takeoff.core.errors import ConfigError, HostKeyRejected, HostLoginRejected, HostUnreachable
from takeoff.core.hosts import Host
from takeoff.fleet.connections import CHANNELS_PER_HOST, SshTransport
from takeoff.fleet.ssh_credentials import SshCredentials
from tests.fleet.ssh_hosts import SshHost, SshHosts

NAMES = ["web-01", "web-02", "jump"]


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[SshHosts]:
    async with SshHosts(tmp_path / "servers", NAMES) as started:
        yield started


MakeTransport = Callable[..., SshTransport]


@pytest.fixture
async def transport_to(servers: SshHosts) -> AsyncIterator[MakeTransport]:
    made: list[SshTransport] = []

    def make(*, become: str = "none", keepalive: str = "15s", timeout: str = "5s", **changes: object) -> SshTransport:
        settings = SshSettings.model_validate({"become": become, "keepalive": keepalive, "connect_timeout": timeout})
        given = {"user": "takeoff", "key_file": servers.key_file, "known_hosts": servers.known_hosts, **changes}
        hosts = {name: Host(name=name, address="127.0.0.1", port=server.port) for name, server in servers.hosts.items()}
        made.append(SshTransport(hosts, settings, SshCredentials(**given)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for transport in made:
        await transport.aclose()


async def test_a_script_gets_its_arguments_and_input_and_gives_output_error_and_status(
    transport_to: MakeTransport,
) -> None:
    script = 'printf "%s|" "$@"; cat; echo oops >&2; exit 7\n# café ☃\n'
    arguments = ("a b", "$(touch x)", "'\"\\", "", "-n")

    done = await transport_to().run("web-01", script, arguments, stdin=b"\x00\xff\n")

    assert done.stdout == b"a b|$(touch x)|'\"\\||-n|\x00\xff\n"
    assert (done.host, done.exit_status, done.error_text) == ("web-01", 7, "oops\n")


async def test_a_long_script_and_a_long_input_arrive_whole(transport_to: MakeTransport) -> None:
    script = "# " + "x" * 200_000 + "\nwc -c"

    done = await transport_to().run("web-01", script, stdin=os.urandom(3_000_000))

    assert done.text.strip() == "3000000"


async def test_a_script_that_is_ended_by_a_signal_has_its_negative_number(transport_to: MakeTransport) -> None:
    assert (await transport_to().run("web-01", "kill -TERM $$")).exit_status == -15


async def test_one_connection_is_kept_for_all_commands_of_a_host(
    transport_to: MakeTransport, servers: SshHosts
) -> None:
    transport = transport_to()

    await asyncio.gather(*(transport.run("web-01", "sleep 0.1") for _ in range(20)))

    assert servers.hosts["web-01"].logins == 1
    assert servers.hosts["web-01"].most_commands <= CHANNELS_PER_HOST


async def test_a_lost_connection_is_made_again_for_the_next_command(
    transport_to: MakeTransport, servers: SshHosts
) -> None:
    transport = transport_to()
    await transport.run("web-01", "true")
    servers.hosts["web-01"].cut()

    done = await transport.run("web-01", "echo again")

    assert done.text == "again\n"
    assert servers.hosts["web-01"].logins == 2


async def test_a_connection_that_breaks_under_a_command_is_told_and_the_command_not_repeated(
    transport_to: MakeTransport, servers: SshHosts, tmp_path: Path
) -> None:
    host = servers.hosts["web-01"]
    running = asyncio.create_task(transport_to().run("web-01", f"echo ran >>{tmp_path}/count; sleep 30"))
    async with asyncio.timeout(10):
        while not (tmp_path / "count").exists():
            await asyncio.sleep(0.02)
    host.cut()

    with pytest.raises(HostUnreachable, match="web-01: the connection broke"):
        await running

    assert (tmp_path / "count").read_text() == "ran\n"


async def test_a_host_that_takes_a_command_and_never_answers_is_given_up(
    transport_to: MakeTransport, servers: SshHosts
) -> None:
    servers.hosts["web-01"].hang = True

    with pytest.raises(HostUnreachable, match=r"web-01: gave no answer in 1 s; what ran there may run on"):
        await transport_to().run("web-01", "true", timeout_s=0.6)


async def test_a_host_that_falls_silent_is_noticed_by_missing_signs_of_life(
    transport_to: MakeTransport, servers: SshHosts
) -> None:
    transport = transport_to(keepalive="0.2s")
    running = asyncio.create_task(transport.run("web-02", "sleep 30"))
    async with asyncio.timeout(10):
        while not servers.hosts["web-02"].connections:
            await asyncio.sleep(0.02)
        while not servers.hosts["web-02"].most_commands:
            await asyncio.sleep(0.02)
        for connection in servers.hosts["web-02"].connections:
            connection._transport.pause_reading()  # type: ignore[union-attr]  # a server that is frozen

        with pytest.raises(HostUnreachable, match="web-02: the connection broke"):
            await running


async def test_a_host_that_is_down_is_unreachable_and_reached_when_it_is_back(
    transport_to: MakeTransport, servers: SshHosts
) -> None:
    transport = transport_to()
    await servers.stop("web-01")

    with pytest.raises(HostUnreachable, match=r"web-01: no SSH connection to 127\.0\.0\.1:\d+ \(.*refused"):
        await transport.run("web-01", "true")
    await servers.start("web-01")

    assert (await transport.run("web-01", "echo back")).text == "back\n"


async def test_a_host_that_accepts_and_says_nothing_is_given_up_after_the_connect_timeout(
    transport_to: MakeTransport, servers: SshHosts
) -> None:
    await servers.stop("web-01")
    accepted: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(
        lambda _, writer: accepted.append(writer), "127.0.0.1", servers.hosts["web-01"].port
    )

    async with silent:
        with pytest.raises(HostUnreachable, match="web-01: no SSH connection to"):
            await transport_to(timeout="0.5s").run("web-01", "true")
        for writer in accepted:
            writer.close()
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("pattern", "known"),
    [
        pytest.param(lambda host: f"[127.0.0.1]:{host.port}", True, id="address and port"),
        pytest.param(lambda host: "127.0.0.1", True, id="address"),
        pytest.param(lambda host: host.name, True, id="name"),
        pytest.param(lambda host: f"[{host.name}]:{host.port}", True, id="name and port"),
        pytest.param(lambda host: f"{host.name},192.0.2.1", True, id="one of several names"),
        pytest.param(lambda host: f"[{host.name}]:1", False, id="another port"),
        pytest.param(lambda host: "other", False, id="another name"),
    ],
)
async def test_a_host_key_is_found_under_the_host_s_name_or_address(
    transport_to: MakeTransport, servers: SshHosts, pattern: Callable[[SshHost], str], known: bool
) -> None:
    servers.write_known_hosts(pattern)
    # web-02 and jump have other keys; only the host that is asked may be called 127.0.0.1.
    lines = servers.known_hosts.read_text().splitlines(keepends=True)
    servers.known_hosts.write_text(lines[0])
    transport = transport_to()

    if known:
        assert (await transport.run("web-01", "echo in")).text == "in\n"
    else:
        with pytest.raises(HostKeyRejected, match=r"web-01: no host key is known for it in .*known_hosts; compare"):
            await transport.run("web-01", "true")


async def test_another_host_key_than_the_known_one_is_rejected_and_nothing_is_sent(
    transport_to: MakeTransport, servers: SshHosts, tmp_path: Path
) -> None:
    host = servers.hosts["web-01"]
    await servers.stop("web-01")
    host.key = asyncssh.generate_private_key("ssh-ed25519")
    await servers.start("web-01")

    with pytest.raises(HostKeyRejected, match=r"web-01: its host key is not the one in .*ssh-keygen -R '\[127"):
        await transport_to().run("web-01", f"touch {tmp_path}/ran")

    assert host.logins == 0


@pytest.mark.parametrize("principal", ["web-01", "elsewhere"])
async def test_a_host_certificate_counts_only_for_the_host_it_names(
    transport_to: MakeTransport, servers: SshHosts, principal: str
) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    host = servers.hosts["web-01"]
    certificate = authority.generate_host_certificate(host.key, "host", principals=[principal])
    await servers.stop("web-01")
    await servers.start("web-01", server_host_keys=[(host.key, certificate)])
    servers.known_hosts.write_text(f"@cert-authority web-* {authority.export_public_key().decode()}")
    transport = transport_to()

    if principal == "web-01":
        assert (await transport.run("web-01", "echo in")).text == "in\n"
    else:
        with pytest.raises(HostKeyRejected):
            await transport.run("web-01", "true")


async def test_a_login_that_is_refused_is_told_with_what_to_do(transport_to: MakeTransport, tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    other.write_private_key(str(tmp_path / "other"))

    with pytest.raises(HostLoginRejected, match=r"web-01: it refused the login of takeoff at .*authorized_keys"):
        await transport_to(key_file=tmp_path / "other").run("web-01", "true")


async def test_a_user_certificate_beside_the_key_logs_in(
    transport_to: MakeTransport, servers: SshHosts, tmp_path: Path
) -> None:
    authority, login = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    login.write_private_key(str(tmp_path / "id"))
    certificate = authority.generate_user_certificate(login, "takeoff", principals=["takeoff"])
    certificate.write_certificate(str(tmp_path / "id-cert.pub"))
    allowed = asyncssh.import_authorized_keys(f"cert-authority {authority.export_public_key().decode()}")
    await servers.stop("web-01")
    await servers.start("web-01", authorized_client_keys=allowed)

    assert (await transport_to(key_file=tmp_path / "id").run("web-01", "echo in")).text == "in\n"


async def test_a_key_given_as_text_with_a_passphrase_logs_in(transport_to: MakeTransport, servers: SshHosts) -> None:
    text = servers.login.export_private_key(passphrase="secret").decode()

    transport = transport_to(key_file=None, key_text=text, passphrase="secret")

    assert (await transport.run("web-01", "echo in")).text == "in\n"


async def test_connections_go_through_a_jump_host_by_one_connection_there(
    transport_to: MakeTransport, servers: SshHosts
) -> None:
    jump = servers.hosts["jump"]
    transport = transport_to(jump_host=f"takeoff@127.0.0.1:{jump.port}")

    done = await asyncio.gather(*(transport.run(name, "echo in") for name in ("web-01", "web-02")))

    assert [one.text for one in done] == ["in\n", "in\n"]
    assert jump.logins == 1


async def test_a_jump_host_that_is_down_is_named(transport_to: MakeTransport, servers: SshHosts) -> None:
    port = servers.hosts["jump"].port
    await servers.stop("jump")

    with pytest.raises(HostUnreachable, match=f"jump host 127.0.0.1: no SSH connection to 127.0.0.1:{port}"):
        await transport_to(jump_host=f"127.0.0.1:{port}").run("web-01", "true")


@pytest.fixture
def sudo(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Put a `sudo` of the given text before the others on the hosts' PATH."""

    def put(text: str) -> dict[str, str]:
        program = tmp_path / "bin" / "sudo"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
        return {"PATH": f"{program.parent}:{os.environ['PATH']}"}

    return put


async def test_scripts_run_through_sudo_where_the_login_is_not_root(
    tmp_path: Path, sudo: Callable[[str], dict[str, str]]
) -> None:
    variables = sudo('[ "$1 $2" = "-n --" ] && shift 2 && VIA=sudo exec "$@"')
    async with SshHosts(tmp_path / "servers", ["web-01"], variables=variables) as servers:
        transport = _transport(servers, "sudo")
        done = await transport.run("web-01", 'echo "$VIA $1"; cat', ("a b",), stdin=b"in")
        await transport.aclose()

    assert done.text == "sudo a b\nin"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('echo "sudo: a password is required" >&2; exit 1', id="password wanted"),
        pytest.param('echo "sh: 1: sudo: not found" >&2; exit 127', id="not installed"),
    ],
)
async def test_a_login_that_may_not_become_root_is_told(
    tmp_path: Path, sudo: Callable[[str], dict[str, str]], text: str
) -> None:
    async with SshHosts(tmp_path / "servers", ["web-01"], variables=sudo(text)) as servers:
        transport = _transport(servers, "sudo")
        with pytest.raises(HostLoginRejected, match=r"web-01: the login cannot become root \(.*NOPASSWD"):
            await transport.run("web-01", "true")
        await transport.aclose()


def _transport(servers: SshHosts, become: str) -> SshTransport:
    hosts = {name: Host(name=name, address="127.0.0.1", port=host.port) for name, host in servers.hosts.items()}
    credentials = SshCredentials(user="takeoff", key_file=servers.key_file, known_hosts=servers.known_hosts)
    return SshTransport(hosts, SshSettings.model_validate({"become": become}), credentials)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"known_hosts": Path("/no/such")}, "known_hosts file /no/such cannot", id="no known hosts"),
        pytest.param({"key_file": Path("/no/such")}, "private key /no/such cannot be used", id="no key"),
        pytest.param({"key_text": "rubbish"}, "the connection's private key cannot be used", id="no key's text"),
        pytest.param({"jump_host": "a b"}, "ssh.jump_host: 'a b' is not of the form user@host:port", id="jump host"),
    ],
)
async def test_what_cannot_be_used_is_told_before_anything_is_connected(
    transport_to: MakeTransport, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        transport_to(**changes)


async def test_a_passphrase_that_is_wrong_or_missing_is_told(transport_to: MakeTransport, servers: SshHosts) -> None:
    text = servers.login.export_private_key(passphrase="secret").decode()

    with pytest.raises(ConfigError, match="the passphrase is wrong"):
        transport_to(key_text=text, passphrase="guess")
    with pytest.raises(ConfigError, match=r"the connection's private key needs a passphrase"):
        transport_to(key_text=text)


async def test_hundreds_of_hosts_at_once_are_all_reached(tmp_path: Path) -> None:
    async with SshHosts(tmp_path / "servers", [f"h-{number:03}" for number in range(150)]) as servers:
        transport = _transport(servers, "none")
        done = await asyncio.gather(*(transport.run(name, "echo in") for name in servers.hosts))
        await transport.aclose()

    assert {one.text for one in done} == {"in\n"}
