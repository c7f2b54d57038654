"""Every fault that a deploy may meet can be made by name."""

import pytest

from tests.lab.running import RunningLab

pytestmark = pytest.mark.lab

PROMISED = {
    "power": "power off",
    "reboot": "reboot",
    "cable": "cable cut",
    "packet-loss": "packet loss",
    "delay": "delay",
    "unreachable": "sshd refusing",
    "hang": "sshd hanging",
    "host-key": "host key changed",
    "clock": "clock off",
    "disk-full": "disk full",
    "lock": "dpkg lock held",
    "half-configured": "dpkg half-configured",
    "package-held": "package held",
    "repository-down": "repository down",
    "repository-slow": "repository slow",
    "repository-404": "repository answering 404 in the middle",
    "haproxy-reload": "HAProxy reloaded",
    "haproxy-socket": "HAProxy's socket gone",
    "silent": "one balancer silent",
    "maint": "an operator's maint",
    "readiness": "readiness failing",
    "migration": "migration failing",
    "migration-endless": "migration endless",
    "reconfigure": "reconfigure failing",
    "alert": "alert firing",
    "alert-silenced": "alert silenced",
    "heartbeat": "heartbeat gone",
    "qa-failing": "QA pipeline failing",
    "qa-flaky": "QA pipeline flaky",
    "qa-stuck": "QA pipeline stuck",
    "qa-empty": "QA pipeline empty",
}


def test_the_command_lists_every_fault_with_its_effect(lab: RunningLab) -> None:
    listed = {line.split()[0]: line[28:].strip() for line in lab.command("break", "list").splitlines()}
    assert PROMISED.keys() <= listed.keys()
    assert all(listed.values()), "each says its effect"
