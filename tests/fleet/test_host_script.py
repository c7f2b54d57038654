"""The script that travels: clean by shellcheck and every shell's parser, and what its looking verbs say."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from takeoff.core.balancer_settings import ServerName
from takeoff.core.errors import CommandFailed, HostError, HostUnfenced, Superseded
from takeoff.core.operation import Lease
from takeoff.fleet.balancer_node import BalancerNode
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_facts import read_facts
from takeoff.fleet.host_jobs import HostJobs
from takeoff.fleet.host_script import HOST_SCRIPT, HostScript
from takeoff.fleet.protocols import Completed
from tests.fleet.conftest import announce
from tests.fleet.shell_hosts import ShellHosts

MakeLease = Callable[..., Lease]

TREE = Path(__file__).parents[2]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "host.sh"
    file.write_text(HOST_SCRIPT)
    return file


@pytest.mark.parametrize("shell", ["dash", "bash", "bash --posix"])
def test_every_shell_can_parse_it(text: Path, shell: str) -> None:
    subprocess.run([*shell.split(), "-n", text], check=True)


def test_shellcheck_finds_nothing(text: Path) -> None:
    program = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([program, "--shell=sh", text], capture_output=True, text=True, check=False)

    assert done.stdout == ""
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(("fence",), "run by takeoff, not by hand", id="too few"),
        pytest.param(("rm", "/var/lib/takeoff", "lab", "0"), "there is no verb 'rm' with 0 arguments", id="no verb"),
        pytest.param(("fence", "/var/lib/takeoff", "lab", "0", "1"), "no verb 'fence' with 1", id="no such arguments"),
        pytest.param(("fence", "lib", "lab", "0", "1", "a", ""), "'lib' is not absolute", id="relative folder"),
        pytest.param(("fence", "/a/../b", "lab", "0", "1", "a", ""), "leads upwards", id="folder upwards"),
        pytest.param(("fence", "/a", "../b", "0", "1", "a", ""), "'../b' is no name", id="no environment's name"),
        pytest.param(("fence", "/a", "lab", "0", "one", "a", ""), "'one' is no number", id="no epoch"),
        pytest.param(("fence", "/a", "lab", "0", "-1", "a", ""), "'-1' is no number", id="negative epoch"),
        pytest.param(("fence", "/a", "lab", "0", "1", "a b", ""), "'a b' is no list of authorities", id="authority"),
        pytest.param(("fence", "/a", "lab", "0", "1", "", ""), "'' is no list of authorities", id="no authority"),
        pytest.param(("journal-read", "/a", "lab", "0", "other", "0"), "", id="journal of another name, nothing there"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused_and_leave_nothing(
    hosts: ShellHosts, words: tuple[str, ...], says: str
) -> None:
    done = await hosts.run("web-01", HOST_SCRIPT, words)

    assert says in done.error_text
    assert done.exit_status == (64 if says else 0)
    assert list(hosts.root("web-01").iterdir()) == []


async def test_an_answer_after_a_login_s_greeting_is_understood_and_rubbish_is_told(
    hosts: ShellHosts, script: HostScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = b"Welcome!\ntakeoff1 size=3 cut=0\nabc"

    async def greet(host: str, *_: object, **__: object) -> Completed:
        return Completed(host, 0, said, b"")

    monkeypatch.setattr(hosts, "run", greet)
    answer = await script.call("web-01", "journal-read", "journal", "0")
    said = b"This account is not available."

    assert (answer.number("size"), answer.data) == (3, b"abc")
    with pytest.raises(HostError, match=r"journal-read gave no answer that can be read, but 'This account"):
        await script.call("web-01", "journal-read", "journal", "0")


# --- facts ---------------------------------------------------------------------------------------------------------


def put(hosts: ShellHosts, program: str, text: str) -> None:
    """Put a program onto the host's PATH."""
    file = hosts.root("web-01") / "bin" / program
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


async def test_facts_of_a_bare_host_are_read_without_leaving_anything(script: HostScript, hosts: ShellHosts) -> None:
    put(hosts, "dpkg-query", "exit 1")
    put(hosts, "dpkg", '[ "$1" = --print-architecture ] && echo amd64')

    facts = await read_facts(script, "web-01")

    assert (facts.host, facts.hostname, facts.architecture) == ("web-01", os.uname().nodename, "amd64")
    assert (facts.version, facts.status, facts.audit, facts.held) == ("", "", "", False)
    assert (facts.epoch, facts.authority, facts.point_of_no_return) == (0, "", "")
    assert abs(facts.clock - SystemClock().now().timestamp()) < 60
    assert facts.free_mib == pytest.approx(shutil.disk_usage(hosts.folder).free / 2**20, rel=0.2)
    assert facts.archives_free_mib > 0
    assert facts.memory_mib > 0
    assert facts.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert (facts.skip_file, facts.auto_migrate, facts.running_jobs, facts.lock_holder) == (False, "", (), "")
    assert {path.name for path in hosts.root("web-01").iterdir()} == {"bin"}


@pytest.mark.parametrize(
    ("said", "version", "status", "held"),
    [
        pytest.param("install ok installed\t17.1.0-ee.0", "17.1.0-ee.0", "install ok installed", False, id="installed"),
        pytest.param("hold ok installed\t17.1.0-ee.0", "17.1.0-ee.0", "hold ok installed", True, id="held"),
        pytest.param("install ok half-configured\t17.1", "17.1", "install ok half-configured", False, id="half"),
        pytest.param("deinstall ok config-files\t17.0", "", "deinstall ok config-files", False, id="removed"),
        pytest.param("unknown ok not-installed\t", "", "unknown ok not-installed", False, id="not installed"),
    ],
)
async def test_the_package_s_state_is_read_from_dpkg(
    script: HostScript, hosts: ShellHosts, said: str, version: str, status: str, held: bool
) -> None:
    put(hosts, "dpkg-query", f"printf '%s\\n' '{said}'")

    facts = await read_facts(script, "web-01")

    assert (facts.version, facts.status, facts.held) == (version, status, held)


async def test_what_dpkg_complains_about_is_told_in_one_line(script: HostScript, hosts: ShellHosts) -> None:
    put(hosts, "dpkg", '[ "$1" = --audit ] && printf "half configured:\\n gitlab-ee\\n"')

    assert (await read_facts(script, "web-01")).audit == "half configured:  gitlab-ee "


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("gitlab_rails['auto_migrate'] = false", "false"),
        ('  gitlab_rails["auto_migrate"]=true # yes', "true"),
        ("# gitlab_rails['auto_migrate'] = false", ""),
        ("gitlab_rails['auto_migrate'] = true\ngitlab_rails['auto_migrate'] = false", "false"),
    ],
    ids=["false", "true", "commented out", "the last one counts"],
)
async def test_auto_migrate_is_read_from_gitlab_rb(
    script: HostScript, hosts: ShellHosts, line: str, value: str
) -> None:
    folder = hosts.root("web-01") / "etc/gitlab"
    folder.mkdir(parents=True)
    (folder / "gitlab.rb").write_text(f"external_url 'http://gitlab'\n{line}\n")
    (folder / "skip-auto-reconfigure").touch()

    facts = await read_facts(script, "web-01")

    assert (facts.auto_migrate, facts.skip_file) == (value, True)


async def test_whoever_holds_apt_s_lock_is_named(script: HostScript, hosts: ShellHosts) -> None:
    lock = hosts.root("web-01") / "var/lib/dpkg/lock-frontend"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        facts = await read_facts(script, "web-01")

    assert facts.lock_holder.endswith(f"(pid {os.getpid()}) holds /var/lib/dpkg/lock-frontend")


async def test_jobs_that_run_are_named(script: HostScript, make_lease: MakeLease, tmp_path: Path) -> None:
    await announce(script, make_lease(), "web-01")
    jobs = HostJobs(script, SystemClock())
    text = f"until test -e {tmp_path}/go; do sleep 0.05; done"
    with pytest.raises(CommandFailed):
        await jobs.run(make_lease(), "web-01", "other", "exit 1", timeout_s=20, describe="x")

    words = ("1", "11111111-aaaa", "lab-1", "web-01", "install", "0", "0")
    await script.call("web-01", "job-ensure", *words, stdin=text.encode())
    facts = await read_facts(script, "web-01")
    (tmp_path / "go").touch()

    assert facts.running_jobs == ("lab-1/web-01/install",)
    assert facts.epoch == 1


# --- balancer ------------------------------------------------------------------------------------------------------


@pytest.fixture
def balancer(hosts: ShellHosts) -> Iterator[list[str]]:
    """A runtime socket in a folder of a very long name; the commands it was given."""
    folder = hosts.root("web-01") / "run" / ("long" * 25)
    folder.mkdir(parents=True)
    (hosts.root("web-01") / "run/haproxy").symlink_to(folder)
    heard: list[str] = []
    here = os.open(".", os.O_RDONLY)
    server = socket.socket(socket.AF_UNIX)
    os.chdir(folder)
    server.bind("admin.sock")
    os.fchdir(here)
    os.close(here)
    server.listen()

    def serve() -> None:
        while True:
            peer, _ = server.accept()
            with peer:
                command = b""
                while piece := peer.recv(1000):
                    command += piece
                if command == b"":
                    return
                heard.append(command.decode())
                peer.sendall(b"No such server.\n\n" if b"missing" in command else b"\n")

    thread = threading.Thread(target=serve)
    thread.start()
    yield heard
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as last:
        last.connect("admin.sock")
        last.shutdown(socket.SHUT_WR)
        last.recv(1)
    os.chdir(TREE)
    thread.join()
    server.close()


SOCKET = "/run/haproxy/admin.sock"


@pytest.mark.parametrize("program", ["socat", "perl"])
async def test_a_command_reaches_the_socket_by_whatever_the_node_has(
    script: HostScript, hosts: ShellHosts, balancer: list[str], make_lease: MakeLease, program: str
) -> None:
    only_this_program(hosts, program)
    await announce(script, make_lease(), "web-01")
    node = BalancerNode(script, "web-01", SOCKET)

    assert await node.show("show servers state web") == "\n"
    assert await node.set_state(make_lease(), ServerName("web", "web-01"), "drain") == ""
    assert await node.set_state(make_lease(), ServerName("web", "missing"), "ready") == "No such server."
    assert balancer == [
        "show servers state web\n",
        "set server web/web-01 state drain\n",
        "set server web/missing state ready\n",
    ]


def only_this_program(hosts: ShellHosts, program: str) -> None:
    """Make the host's PATH a folder with what the script needs, and of the programs for sockets only one."""
    folder = hosts.folder / "only"
    folder.mkdir()
    for name in (
        "cat",
        "cut",
        "date",
        "flock",
        "grep",
        "head",
        "mkdir",
        "mktemp",
        "mv",
        "rm",
        "sed",
        "sync",
        "tail",
        "tr",
        "wc",
    ):
        (folder / name).symlink_to(shutil.which(name) or "")
    if found := shutil.which(program):
        (folder / program).symlink_to(found)
    else:  # the process lab's own
        text = f"import sys; sys.path.append({str(TREE)!r})\nfrom lab.process.commands.{program} import main"
        (folder / program).write_text(f"#!{sys.executable}\n{text}\nsys.exit(main(sys.argv[1:]))\n")
        (folder / program).chmod(0o755)
    hosts.path = str(folder)


async def test_an_older_driver_sets_no_server_s_state(
    script: HostScript, balancer: list[str], make_lease: MakeLease
) -> None:
    await announce(script, make_lease(), "web-01")
    node = BalancerNode(script, "web-01", SOCKET)
    await node.set_state(make_lease(epoch=3), ServerName("web", "web-01"), "maint")

    with pytest.raises(Superseded, match="has seen epoch 3, this driver's is 2"):
        await node.set_state(make_lease(epoch=2), ServerName("web", "web-01"), "ready")

    assert balancer == ["set server web/web-01 state maint\n"]


async def test_a_node_that_lost_its_state_sets_nothing_before_a_driver_is_announced_again(
    script: HostScript, hosts: ShellHosts, balancer: list[str], make_lease: MakeLease
) -> None:
    await announce(script, make_lease(), "web-01")
    shutil.rmtree(hosts.state("web-01"))

    with pytest.raises(HostUnfenced, match="it knows no driver"):
        await BalancerNode(script, "web-01", SOCKET).set_state(make_lease(), ServerName("web", "web-01"), "ready")

    assert balancer == []


@pytest.mark.parametrize(
    "command",
    [
        "shutdown sessions server web/a",
        "show stat; set server web/a state ready",
        "show stat\nset weight a",
        "",
        "show",
    ],
)
async def test_only_commands_that_look_are_shown(script: HostScript, balancer: list[str], command: str) -> None:
    with pytest.raises(CommandFailed, match="'show' command") as refused:
        await BalancerNode(script, "web-01", SOCKET).show(command)

    assert refused.value.exit_status == 64
    assert balancer == []


@pytest.mark.parametrize(
    ("backend", "server", "state"),
    [("web; shutdown", "a", "ready"), ("web", "a state ready\nset x", "ready"), ("web", "a", "up"), ("", "a", "drain")],
)
async def test_names_and_states_that_haproxy_would_take_for_more_are_refused(
    script: HostScript, balancer: list[str], make_lease: MakeLease, backend: str, server: str, state: str
) -> None:
    node = BalancerNode(script, "web-01", SOCKET)
    with pytest.raises(CommandFailed) as refused:
        await node.set_state(make_lease(), ServerName(backend, server), state)  # type: ignore[arg-type]

    assert refused.value.exit_status == 64
    assert balancer == []


async def test_a_balancer_that_is_not_there_is_told_with_what_to_look_at(script: HostScript) -> None:
    with pytest.raises(CommandFailed, match=r"there is no socket /run/haproxy/admin\.sock: is HAProxy running"):
        await BalancerNode(script, "web-01", SOCKET).show("show info")
