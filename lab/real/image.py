"""Root file systems of lab hosts: built once from the machine's Debian mirror, kept, and shared by all hosts."""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from lab.real.machine import refresh_package_lists
from lab.state import LabError

ROOT_FILES = Path(__file__).parent / "rootfs"
"""Files that every image gets on top of Debian's."""

_COMMON = (
    "ca-certificates",
    "curl",
    "faketime",
    "gpgv",
    "iproute2",
    "openssh-server",
    "procps",
    "python3",
    "runit",
    "sudo",
)

_LEFT_OUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*")

_FINISH = r"""
set -eu
root=$1 files=$2
cp -a "$files/." "$root/"
chown -R 0:0 "$root/etc/lab" "$root/etc/ssh" "$root/etc/sudoers.d" "$root/etc/apt" "$root/etc/dpkg"
chmod 440 "$root/etc/sudoers.d/takeoff"
chmod 755 "$root/etc/lab/init" "$root"/etc/lab/services/*/run
rm -f "$root"/etc/ssh/ssh_host_* "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* \
  "$root"/etc/apt/apt.conf.d/99mmdebstrap "$root"/etc/resolv.conf "$root"/etc/hostname "$root"/var/cache/apt/*.bin
chroot "$root" useradd --create-home --shell /bin/sh --password '*' takeoff
"""


@dataclass(frozen=True)
class Image:
    """One root file system.

    Attributes:
        name: what it is for.
        packages: Debian packages beside the smallest Debian.
    """

    name: str
    packages: tuple[str, ...]

    def folder(self) -> Path:
        """Where it is kept; another recipe gives another folder."""
        digest = hashlib.sha256("\n".join((_FINISH, *_LEFT_OUT, *self.packages, *_sources())).encode())
        for path in sorted(path for path in ROOT_FILES.rglob("*") if path.is_file()):
            digest.update(f"\n{path.relative_to(ROOT_FILES)}\n".encode() + path.read_bytes())
        return cache_folder() / f"{self.name}-{digest.hexdigest()[:12]}"


HOST = Image("host", _COMMON)
"""What Takeoff deploys to."""

SERVER = Image(
    "server",
    (
        *_COMMON,
        "aptly",
        "gpg",
        "haproxy",
        "nginx-light",
        "postgresql",
        "prometheus",
        "prometheus-alertmanager",
        "socat",
    ),
)
"""Balancer nodes, and the node with repository, database and alerts."""


def cache_folder() -> Path:
    """`$TAKEOFF_LAB_CACHE`, or a folder of the system's cache: outside every lab, so that all labs share it."""
    return Path(os.environ.get("TAKEOFF_LAB_CACHE") or "/var/cache/takeoff-lab")


def build_images() -> None:
    """Build what is missing, both at once, and drop images of older recipes that no host runs on.

    Raises:
        LabError: mmdebstrap failed; names its log.
    """
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "images.lock"):
        missing = [image for image in (HOST, SERVER) if not image.folder().is_dir()]
        if missing:
            refresh_package_lists()
            with ThreadPoolExecutor() as pool:
                list(pool.map(_build, missing))
        _drop_outdated(cache)


def _build(image: Image) -> None:
    final, half, log = image.folder(), cache_folder() / f"{image.name}.half", cache_folder() / f"{image.name}.log"
    shutil.rmtree(half, ignore_errors=True)
    acquire = cache_folder() / "machine-apt.conf"
    acquire.write_text(_output(["apt-config", "dump", "Acquire"]))  # proxies and the like, as the machine has them
    command = [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        f"--aptopt={acquire}",
        '--aptopt=APT::Install-Recommends "false"',
        "--dpkgopt=force-unsafe-io",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        f"--include={','.join(image.packages)}",
        f'--customize-hook=sh -c {shlex.quote(_FINISH)} finish "$1" {shlex.quote(str(ROOT_FILES))}',
        _codename(),
        str(half),
        *_sources(),
    ]
    with log.open("wb") as stream:
        done = subprocess.run(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            check=False,
        )
    if done.returncode:
        last = " / ".join(log.read_text(errors="replace").strip().splitlines()[-3:])
        raise LabError(f"building the lab's {image.name} image failed: {last}; the whole log is {log}")
    half.chmod(0o755)
    half.rename(final)


@functools.cache
def _sources() -> tuple[str, ...]:
    """The machine's own Debian mirrors, as apt itself resolves its configuration, one line each."""
    codename = _codename()
    listed = _output(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)", "Created-By: Packages"])
    suites = {codename, f"{codename}-updates", f"{codename}-security"}
    found: dict[tuple[str, str], set[str]] = {}
    for site, suite, component in sorted({tuple(line.split()) for line in listed.splitlines() if line.count(" ") == 2}):
        if suite in suites and component in ("main", "universe"):
            found.setdefault((site, suite), set()).add(component)
    return tuple(f"deb {site} {suite} {' '.join(sorted(components))}" for (site, suite), components in found.items())


def _codename() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise LabError(
        "/etc/os-release has no VERSION_CODENAME, so the lab cannot tell which Debian to build its hosts from"
    )


def _drop_outdated(cache: Path) -> None:
    current = {HOST.folder(), SERVER.folder()}
    in_use = "\n".join(_mounts(process) for process in Path("/proc").glob("[0-9]*"))
    for folder in cache.iterdir():
        if folder.is_dir() and folder not in current and str(folder) not in in_use:
            shutil.rmtree(folder)


def _mounts(process: Path) -> str:
    try:
        return (process / "mountinfo").read_text()
    except OSError:  # the process has ended meanwhile
        return ""


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
