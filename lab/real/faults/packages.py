"""The package management of a host."""

from __future__ import annotations

from lab.application.package import NAME
from lab.kind import Fault
from lab.real.faults.scripted import scripted
from lab.real.fleet import Fleet

_LOCK = """
set -eu
[ ! -e /run/dpkg-lock.pid ] || ! kill -0 "$(cat /run/dpkg-lock.pid)" 2>/dev/null || exit 0
cat >/run/dpkg-lock.py <<'END'
import fcntl, os, signal
held = [open(f"/var/lib/dpkg/{name}", "w") for name in ("lock-frontend", "lock")]
for each in held:
    fcntl.lockf(each, fcntl.LOCK_EX)
with open("/run/dpkg-lock.new", "w") as stream:
    stream.write(str(os.getpid()))
os.rename("/run/dpkg-lock.new", "/run/dpkg-lock.pid")
signal.pause()
END
rm -f /run/dpkg-lock.pid
setsid python3 /run/dpkg-lock.py >/dev/null 2>&1 </dev/null &
until [ -e /run/dpkg-lock.pid ]; do sleep 0.05; done
"""

_UNLOCK = """
[ ! -e /run/dpkg-lock.pid ] || kill "$(cat /run/dpkg-lock.pid)" 2>/dev/null
rm -f /run/dpkg-lock.pid
"""

_HALF = f"""
set -eu
version=$(dpkg-query -W -f='${{Version}}' {NAME})
[ "$(dpkg-query -W -f='${{db:Status-Status}}' {NAME})" = installed ] || exit 0
cd /var/tmp
apt-get -q update && apt-get -q download "{NAME}=$version"
dpkg --unpack {NAME}_*.deb
rm {NAME}_*.deb
cp -p /var/lib/dpkg/info/{NAME}.postinst /var/lib/dpkg/{NAME}.postinst.right
printf '#!/bin/sh\\necho "broken on purpose" >&2\\nexit 1\\n' >/var/lib/dpkg/info/{NAME}.postinst
! dpkg --configure {NAME}
"""

_WHOLE = f"""
set -eu
[ -e /var/lib/dpkg/{NAME}.postinst.right ] || exit 0
mv /var/lib/dpkg/{NAME}.postinst.right /var/lib/dpkg/info/{NAME}.postinst
had=; [ ! -e /etc/gitlab/skip-auto-reconfigure ] || had=1
touch /etc/gitlab/skip-auto-reconfigure
dpkg --configure {NAME}
[ -n "$had" ] || rm /etc/gitlab/skip-auto-reconfigure
"""


def faults(fleet: Fleet) -> list[Fault]:
    """Lock held, half-configured, held back."""
    return [
        scripted(fleet, "dpkg-lock", "another process holds dpkg's lock", _LOCK, _UNLOCK),
        scripted(fleet, "half-configured", f"{NAME} is unpacked, and its configuration failed", _HALF, _WHOLE),
        scripted(fleet, "held", f"{NAME} is on hold", f"apt-mark hold {NAME}", f"apt-mark unhold {NAME}"),
    ]
