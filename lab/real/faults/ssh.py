"""The SSH server of a machine."""

from __future__ import annotations

from lab.kind import Fault
from lab.real.faults.scripted import scripted
from lab.real.fleet import Fleet

_PID = "/run/sshd.pid"
_UNTIL_IT_LISTENS = f"until [ -s {_PID} ]; do sleep 0.02; done"
"""sshd writes its number when it listens (sshd.c, ``main``)."""

RELOAD = f"""
pid=$(cat {_PID})
rm -f {_PID}
kill -HUP "$pid"
{_UNTIL_IT_LISTENS}
"""
"""Lets sshd read its files again."""

_KEY = "/etc/ssh/ssh_host_ed25519_key"

_NEW_KEY = f"""
set -eu
[ ! -e {_KEY}.right ] || exit 0
ssh-keygen -q -t ed25519 -N '' -f {_KEY}.other
cp -p {_KEY} {_KEY}.right
mv {_KEY}.other.pub {_KEY}.pub
mv {_KEY}.other {_KEY}
{RELOAD}"""

_OLD_KEY = f"""
set -eu
[ -e {_KEY}.right ] || exit 0
ssh-keygen -y -f {_KEY}.right >{_KEY}.pub
mv {_KEY}.right {_KEY}
{RELOAD}"""


def faults(fleet: Fleet) -> list[Fault]:
    """Refusing, hanging, and answering with another host key.

    Each open session has an sshd of its own, which must share the fate of the one that listens.
    """
    service = "/run/services/sshd"
    return [
        scripted(
            fleet,
            "unreachable",
            "the host's SSH port refuses connections, and those there are end",
            f"sv -w 20 down {service}; pkill -KILL -x sshd || :; rm -f {_PID}",
            f"sv -w 20 up {service}; {_UNTIL_IT_LISTENS}",
        ),
        scripted(
            fleet,
            "hang",
            "the host's SSH server takes connections and never answers",
            f"sv pause {service}; pkill -STOP -x sshd || :",
            f"pkill -CONT -x sshd || :; sv cont {service}",
        ),
        scripted(fleet, "host-key", "the host answers with another SSH host key", _NEW_KEY, _OLD_KEY),
    ]
