"""Stand-ins for apt and dpkg, as shell: a package whose version is a line in a file below the host's root."""

from __future__ import annotations

import hashlib
from pathlib import Path

from lab.state import write_file

CONTENT = b"a package\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FIRST = "17.0.0-ee.0"

_DPKG_QUERY = """#!/bin/sh
read -r version <"$TAKEOFF_HOST_ROOT/version" 2>/dev/null || version=@FIRST@
case $2 in
    *db:Status-Want*) echo "install installed $version" ;;
    *db:Status-Status*) echo "installed $version" ;;
    *) printf 'install ok installed\\t%s\\n' "$version" ;;
esac
"""

_DPKG = """#!/bin/sh
case $1 in --print-architecture) echo amd64 ;; esac
"""

_APT_GET = """#!/bin/sh
for last; do :; done
archives=$TAKEOFF_HOST_ROOT/var/cache/apt/archives
case " $* " in
    *' --download-only '*) echo 'a package' >"$archives/${last%%=*}_${last#*=}_amd64.deb" ;;
    *' install '*) echo "${last#*=}" >"$TAKEOFF_HOST_ROOT/version" ;;
esac
"""

_APT_MARK = "#!/bin/sh\n"


def write_commands(folder: Path) -> None:
    """Put them before the lab's own into the folder of commands."""
    for name, text in {
        "dpkg-query": _DPKG_QUERY.replace("@FIRST@", FIRST),
        "dpkg": _DPKG,
        "apt-get": _APT_GET,
        "apt-mark": _APT_MARK,
    }.items():
        write_file(folder / name, text.encode(), mode=0o755)
