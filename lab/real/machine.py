"""What the `real` kind needs of the machine: Linux, root, a few commands, and where they come from when missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from lab.state import LabError

TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setsid": "util-linux",
    "ssh-keygen": "openssh-client",
}
"""Command → Debian package that has it.

None of these packages has a service: all servers of the lab (sshd, HAProxy, nginx, Prometheus, PostgreSQL, …) are
installed into the images of its hosts and never on the machine, so that nothing of them can start here.
"""


def refusal() -> str | None:
    """Why this machine cannot run a `real` lab, in one sentence; None when it can."""
    if sys.platform != "linux":
        return f"the `real` lab needs Linux namespaces, and this is {sys.platform}; use `--kind process`"
    if os.geteuid() != 0:
        return "the `real` lab needs root (mounts and network namespaces); run as root, or use `--kind process`"
    if shutil.which("apt-get") is None:
        return "the `real` lab builds its hosts with apt, and this machine has none; use `--kind process`"
    return None


def prepare_machine() -> None:
    """Check the machine and install the missing commands with apt.

    Raises:
        LabError: not a machine for this kind, or apt could not install a package.
    """
    if reason := refusal():
        raise LabError(reason)
    missing = sorted({package for command, package in TOOLS.items() if shutil.which(command) is None})
    if missing:
        refresh_package_lists()
        _apt(["install", "--yes", "--no-install-recommends", *missing])


def refresh_package_lists() -> None:
    """Run `apt-get update` with the machine's own sources."""
    _apt(["update"])


def _apt(arguments: list[str]) -> None:
    done = subprocess.run(
        ["apt-get", "--quiet", "-o", "DPkg::Lock::Timeout=120", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
        raise LabError(f"`apt-get {' '.join(arguments)}` failed ({done.returncode}): {' / '.join(last)}")
