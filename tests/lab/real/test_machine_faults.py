"""Faults of a machine, its cable, its clock, its disk and its packages: each has the effect that its name says."""

import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable

import pytest

from lab.real.faults.clock import OFF_SECONDS
from lab.real.faults.network import DELAY_MILLISECONDS
from tests.lab.running import RunningLab

pytestmark = pytest.mark.lab

Break = Callable[..., None]


def test_a_reboot_gives_the_host_a_new_first_process(lab: RunningLab, broken: Break) -> None:
    lab.run("sidekiq-01", ": >/run/from-before")
    broken("reboot", "sidekiq-01")
    assert lab.ssh("sidekiq-01", "test -e /run/from-before").exit_status == 1


def test_a_cut_cable_silences_a_host_that_runs_on(lab: RunningLab, broken: Break) -> None:
    lab.run("sidekiq-01", "echo $$ >/run/before; uptime -s >/run/up-since")
    broken("cable", "sidekiq-01")
    with pytest.raises((OSError, TimeoutError)):
        lab.ssh("sidekiq-01", "true", patience=1)
    assert lab.run("sidekiq-01", "ps ax").count("sshd") >= 1
    lab.mend("cable", "sidekiq-01")
    assert lab.said("sidekiq-01", "cat /run/before")


def test_packets_are_lost_and_connections_survive_it(lab: RunningLab, broken: Break) -> None:
    broken("packet-loss", "sidekiq-01")
    assert 100 <= _count_arrivals(lab, "sidekiq-01", 200) <= 190, "of 200, of which every fifth is lost on average"
    assert lab.ssh("sidekiq-01", "echo through", patience=100).stdout == "through\n"
    lab.mend("packet-loss", "sidekiq-01")
    assert _count_arrivals(lab, "sidekiq-01", 200) == 200


def test_delay_makes_every_answer_late(lab: RunningLab, broken: Break) -> None:
    round_trip = 2 * DELAY_MILLISECONDS / 1000
    broken("delay", "sidekiq-01")
    assert _quickest_connection(lab, "sidekiq-01") >= round_trip
    assert lab.ssh("sidekiq-01", "echo through", patience=60).stdout == "through\n"
    lab.mend("delay", "sidekiq-01")
    assert _quickest_connection(lab, "sidekiq-01") < round_trip


def test_the_clock_is_off_for_the_user_and_for_root(lab: RunningLab, broken: Break) -> None:
    broken("clock", "sidekiq-01")
    for command in ("date +%s", "sudo date +%s"):
        assert abs(int(lab.said("sidekiq-01", command)) - time.time() - OFF_SECONDS) < 30
    assert abs(int(lab.said("web-01", "date +%s")) - time.time()) < 30


def test_a_full_disk_takes_nothing_and_still_gives(lab: RunningLab, broken: Break) -> None:
    new = lab.publish_next("sidekiq-01")
    lab.run("sidekiq-01", "apt-get update -q")
    broken("disk-full", "sidekiq-01")
    assert "100%" in lab.said("sidekiq-01", "df /var /opt /home")
    written = lab.ssh("sidekiq-01", "sudo sh -c 'echo x >/var/lib/x'; sudo mkdir /var/lib/takeoff-new; echo x >~/x")
    assert str(written.stderr).count("No space left on device") >= 2
    fetched = lab.ssh("sidekiq-01", f"sudo apt-get install -yq --download-only gitlab-ee={new} 2>&1")
    assert fetched.exit_status == 100
    assert lab.said("sidekiq-01", "cat /etc/hostname") == "sidekiq-01"
    lab.mend("disk-full", "sidekiq-01")
    assert lab.said("sidekiq-01", "sudo sh -c 'echo x >/var/lib/x && cat /var/lib/x'") == "x"


def test_a_half_configured_package_says_so_and_serves_on(lab: RunningLab, broken: Break) -> None:
    broken("half-configured", "git-01")
    assert lab.run("git-01", "dpkg-query -W -f '${Status}' gitlab-ee") == "install ok half-configured"
    assert "gitlab-ee" in lab.kind.run("git-01", "dpkg --audit").output
    lab.run("git-01", "curl -sf http://localhost/-/readiness")
    lab.mend("half-configured", "git-01")
    assert lab.run("git-01", "dpkg-query -W -f '${Status}' gitlab-ee; dpkg --audit") == "install ok installed"


def _quickest_connection(lab: RunningLab, host: str) -> float:
    """The shortest of a few connections to a host's SSH port, in seconds: one round trip."""
    ssh, times = lab.record.hosts[host].ssh, []
    for _ in range(4):
        started = time.monotonic()
        socket.create_connection((ssh.address, ssh.port), 10).close()
        times.append(time.monotonic() - started)
    return min(times)


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
