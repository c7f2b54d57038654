"""Faults of a machine, its cable, its SSH server, its clock and its disk: each has the effect that its name says."""

import asyncio
import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable

import asyncssh
import pytest

from lab.real.faults.clock import OFF_SECONDS
from lab.real.faults.network import DELAY_MILLISECONDS
from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., object]


def test_power_off_ends_every_process_and_keeps_the_disk(lab: RunningLab, broken: Break) -> None:
    lab.run("sidekiq-01", "echo kept >/var/tmp/kept; : >/run/gone")
    broken("power", "sidekiq-01")
    with pytest.raises((OSError, TimeoutError)):
        lab.ssh("sidekiq-01", "true")
    lab.fault("power", "sidekiq-01").lift("sidekiq-01")
    assert lab.said("sidekiq-01", "cat /var/tmp/kept; ls /run/gone 2>&1 || :").startswith("kept\nls: cannot access")


def test_after_power_comes_back_the_application_serves_again(lab: RunningLab, broken: Break) -> None:
    broken("power", "web-01")
    eventually(lambda: lab.server("lb-01", "web-01")["status"].startswith("DOWN"), "HAProxy sees the host down")
    lab.fault("power", "web-01").lift("web-01")
    lab.await_serving()


def test_a_reboot_gives_the_host_a_new_first_process(lab: RunningLab, broken: Break) -> None:
    lab.run("sidekiq-01", ": >/run/from-before")
    broken("reboot", "sidekiq-01")
    assert lab.ssh("sidekiq-01", "test -e /run/from-before").exit_status == 1


def test_a_cut_cable_silences_a_host_that_runs_on(lab: RunningLab, broken: Break) -> None:
    lab.run("sidekiq-01", "echo $$ >/run/before; uptime -s >/run/up-since")
    broken("cable", "sidekiq-01")
    with pytest.raises((OSError, TimeoutError)):
        lab.ssh("sidekiq-01", "true")
    assert lab.run("sidekiq-01", "ps ax").count("sshd") >= 1
    lab.fault("cable", "sidekiq-01").lift("sidekiq-01")
    assert lab.said("sidekiq-01", "cat /run/before")


def test_packets_are_lost_and_connections_survive_it(lab: RunningLab, broken: Break) -> None:
    broken("packet-loss", "sidekiq-01")
    assert 100 <= _count_arrivals(lab, "sidekiq-01", 200) <= 190, "of 200, of which every fifth is lost on average"
    assert lab.said("sidekiq-01", "echo through") == "through"
    lab.fault("packet-loss", "sidekiq-01").lift("sidekiq-01")
    assert _count_arrivals(lab, "sidekiq-01", 200) == 200


def test_delay_makes_every_answer_late(lab: RunningLab, broken: Break) -> None:
    broken("delay", "sidekiq-01")
    started = time.monotonic()
    assert lab.said("sidekiq-01", "echo through") == "through"
    assert time.monotonic() - started > 8 * DELAY_MILLISECONDS / 1000
    lab.fault("delay", "sidekiq-01").lift("sidekiq-01")
    started = time.monotonic()
    lab.said("sidekiq-01", "true")
    assert time.monotonic() - started < 8 * DELAY_MILLISECONDS / 1000


def test_an_unreachable_host_refuses_connections(lab: RunningLab, broken: Break) -> None:
    broken("unreachable", "sidekiq-01")
    with pytest.raises(ConnectionRefusedError):
        lab.ssh("sidekiq-01", "true")


def test_a_hanging_ssh_server_takes_the_connection_and_says_nothing(lab: RunningLab, broken: Break) -> None:
    broken("hang", "sidekiq-01")

    async def listen() -> bytes:
        ssh = lab.record.hosts["sidekiq-01"].ssh
        reader, writer = await asyncio.open_connection(ssh.address, ssh.port)
        try:
            return await asyncio.wait_for(reader.read(1), 1.5)
        finally:
            writer.close()

    with pytest.raises(TimeoutError):
        asyncio.run(listen())


def test_another_host_key_is_not_taken_for_the_host(lab: RunningLab, broken: Break) -> None:
    broken("host-key", "sidekiq-01")

    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        lab.ssh("sidekiq-01", "true")
    lab.fault("host-key", "sidekiq-01").lift("sidekiq-01")
    assert lab.said("sidekiq-01", "hostname") == "sidekiq-01"


def test_the_clock_is_off_for_the_user_and_for_root(lab: RunningLab, broken: Break) -> None:
    broken("clock", "sidekiq-01")
    for command in ("date +%s", "sudo date +%s"):
        assert abs(int(lab.said("sidekiq-01", command)) - time.time() - OFF_SECONDS) < 30
    assert abs(int(lab.said("web-01", "date +%s")) - time.time()) < 30


def test_a_full_disk_takes_nothing_and_still_gives(lab: RunningLab, broken: Break) -> None:
    lab.kind.repository.publish("17.0.1-ee.0")
    lab.run("sidekiq-01", "apt-get update -q")
    broken("disk-full", "sidekiq-01")
    assert "100%" in lab.said("sidekiq-01", "df /var /opt /home")
    written = lab.ssh("sidekiq-01", "sudo sh -c 'echo x >/var/lib/x'; sudo mkdir /var/lib/takeoff-new; echo x >~/x")
    assert str(written.stderr).count("No space left on device") >= 2
    fetched = lab.ssh("sidekiq-01", "sudo apt-get install -yq --download-only gitlab-ee=17.0.1-ee.0 2>&1")
    assert fetched.exit_status == 100
    assert lab.said("sidekiq-01", "cat /etc/hostname") == "sidekiq-01"
    lab.fault("disk-full", "sidekiq-01").lift("sidekiq-01")
    assert lab.said("sidekiq-01", "sudo sh -c 'echo x >/var/lib/x && cat /var/lib/x'") == "x"


def _count_arrivals(lab: RunningLab, host: str, sent: int) -> int:
    """How many datagrams that a host sends to this machine's end of its cable arrive."""
    address = str(ipaddress.ip_network(lab.record.settings["subnet"])[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((address, 0))
        receiver.settimeout(1)
        where = (address, receiver.getsockname()[1])
        lab.run(
            host,
            f"""python3 - <<'END'
import socket
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for number in range({sent}):
    sender.sendto(b"x", {where!r})
END""",
        )
        arrived = 0
        with contextlib.suppress(TimeoutError):
            while receiver.recv(1):
                arrived += 1
        return arrived
