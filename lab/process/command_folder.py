"""The folder that is a process-kind host's PATH: harmless commands of the machine, and the lab's own for the rest."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from lab.state import LabError, write_file

HARMLESS = """
awk base64 basename cat chmod cmp comm cp cut date dd diff dirname du echo egrep env expr false find fold grep gunzip
gzip head id install kill ln ls md5sum mkdir mkfifo mktemp mv nl nohup nproc od paste printf ps pwd readlink realpath rm
rmdir sed seq sh sha256sum sleep sort stat sync tail tar tee test timeout touch tr true truncate uname uniq wc xargs
yes [
"""
"""Taken from the machine where it has them. None can change anything outside the paths that it is given."""

NEEDED = (
    "awk cat chmod cut date grep head id ls mkdir mktemp mv printf ps rm sed sh sha256sum sleep sort stat tail touch tr"
)
"""Without these a lab cannot work."""

REPLACED = ("apt-get", "apt-cache", "apt-mark", "dpkg", "dpkg-query", "socat")
"""Always the lab's own."""

OPTIONAL = ("flock", "setsid")
"""The machine's where it has them (Linux), else the lab's own."""

_MACHINE_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/opt/homebrew/bin"
_RUN = Path(__file__).parent / "commands" / "run.py"

_HOSTNAME = """#!/bin/sh
echo "$LAB_HOST"
"""

_DF = """#!/bin/sh
# df of the machine, unless the host's disk is full on purpose
[ -e "$TAKEOFF_HOST_ROOT/var/opt/gitlab/lab/faults/disk-full" ] || exec {df} "$@"
{df} "$@" | awk 'NR == 1 {{ print; next }} {{ $3 = $2; $4 = 0; $5 = "100%"; print }}'
"""

_CURL = """#!/bin/sh
exec {curl} --noproxy '*' --connect-to "localhost::127.0.0.1:$LAB_HTTP_PORT" \\
    --connect-to "127.0.0.1:80:127.0.0.1:$LAB_HTTP_PORT" "$@"
"""


def make_command_folder(folder: Path) -> None:
    """Fill the folder anew.

    Raises:
        LabError: the machine lacks a command that POSIX promises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in HARMLESS.split():
        if path := shutil.which(name, path=_MACHINE_PATH):
            _link(folder / name, path)
        elif name in NEEDED.split():
            raise LabError(f"this machine has no `{name}`, which the lab's hosts need; install it and try again")
    _link(folder / "python3", getattr(sys, "_base_executable", sys.executable))
    for name in (*REPLACED, *OPTIONAL):
        machines = shutil.which(name, path=_MACHINE_PATH) if name in OPTIONAL else None
        if machines:
            _link(folder / name, machines)
        else:
            _own(folder / name, name)
    _script(folder / "hostname", _HOSTNAME)
    _script(folder / "df", _DF.format(df=shlex.quote(shutil.which("df", path=_MACHINE_PATH) or "/bin/df")))
    if curl := shutil.which("curl", path=_MACHINE_PATH):
        _script(folder / "curl", _CURL.format(curl=shlex.quote(curl)))
    else:
        _own(folder / "curl", "curl")


def _own(path: Path, name: str) -> None:
    _script(path, f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -Es {shlex.quote(str(_RUN))} {name} "$@"\n')


def _script(path: Path, text: str) -> None:
    write_file(path, text.encode(), mode=0o755)


def _link(path: Path, target: str) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(target)
