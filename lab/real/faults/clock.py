"""The clock of a machine, as every session on it sees it.

All machines of the lab share the kernel's clock, so what shows another time is a library in front of the system calls.
Only sessions get it: in sshd's own processes it would break their sandbox.
"""

from __future__ import annotations

from lab.kind import Fault
from lab.real.faults.scripted import scripted
from lab.real.faults.ssh import RELOAD
from lab.real.fleet import Fleet

OFF_SECONDS = 3600

_BREAK = f"""
set -eu
library=$(echo /usr/lib/*/faketime/libfaketimeMT.so.1)
settings="LD_PRELOAD=$library FAKETIME=+{OFF_SECONDS}s FAKETIME_DISABLE_SHM=1"
printf '%s\\n' $settings >/etc/clock-environment
echo "SetEnv $settings" >/etc/ssh/sshd_config.d/clock.conf
echo 'Defaults env_file=/etc/clock-environment' >/etc/sudoers.d/clock
{RELOAD}"""

_MEND = f"""
rm -f /etc/ssh/sshd_config.d/clock.conf /etc/sudoers.d/clock /etc/clock-environment
{RELOAD}"""


def faults(fleet: Fleet) -> list[Fault]:
    """A clock that is an hour fast."""
    return [
        scripted(fleet, "clock", f"the host's clock is {OFF_SECONDS} s fast, in every new SSH session", _BREAK, _MEND)
    ]
