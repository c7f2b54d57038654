"""The package management of a host."""

from __future__ import annotations

from lab.application.package import NAME
from lab.kind import Fault
from lab.real.faults.scripted import scripted
from lab.real.fleet import Fleet

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
    """Half-configured; a lock and a hold are the same on every kind of lab."""
    return [scripted(fleet, "half-configured", f"{NAME} is unpacked, and its configuration failed", _HALF, _WHOLE)]
