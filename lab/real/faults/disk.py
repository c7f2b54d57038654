"""The disk of a machine, full to the last byte and inode.

Each folder of the root gets a second overlay above it, whose writable layer is a full file system: what is there can
be read, and every write fails with "No space left on device", as on a full disk. What was deleted meanwhile is back
after mending.
"""

from __future__ import annotations

from lab.kind import Fault
from lab.real.faults.scripted import scripted
from lab.real.fleet import Fleet

_FOLDERS = "etc home opt root srv usr var"

_BREAK = f"""
set -eu
full=/run/disk-full
[ ! -d $full ] || exit 0
mkdir $full
mount -t tmpfs -o size=1m,mode=755,nr_inodes=200 tmpfs $full
for folder in {_FOLDERS}; do
    mkdir -p "$full/$folder/upper" "$full/$folder/work"
    chmod --reference="/$folder" "$full/$folder/upper"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$full/$folder/upper,workdir=$full/$folder/work" "/$folder"
done
dd if=/dev/zero of=$full/ballast bs=4k 2>/dev/null || :
number=0
while mkdir "$full/$number" 2>/dev/null; do number=$((number + 1)); done
"""

_MEND = f"""
[ -d /run/disk-full ] || exit 0
for folder in {_FOLDERS} run/disk-full; do umount -l "/$folder"; done
rmdir /run/disk-full
"""


def faults(fleet: Fleet) -> list[Fault]:
    """No space left."""
    return [scripted(fleet, "disk-full", "no byte and no file more fits on the host's disk", _BREAK, _MEND)]
