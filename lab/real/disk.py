"""What is on the disk of a lab host before its first boot: its identity, and who may log in to it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import asyncssh

from lab.real.servers.files import NodeFile, NodeFiles
from lab.state import write_file

LOGIN = 1000
"""User and group number of `takeoff` in the images: the first that useradd gives."""


class Disk:
    """The writable layer of one host, and the folders that overlayfs needs beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "disk"

    @property
    def exists(self) -> bool:
        """Whether the host was made before; its disk then holds what happened to it."""
        return (self.folder / "host-key.pub").is_file()

    @property
    def host_key(self) -> str:
        """The public host key: type and key, without comment."""
        return " ".join((self.folder / "host-key.pub").read_text().split()[:2])

    def make(self, name: str, files: NodeFiles) -> None:
        """Lay a new disk out: a host key of its own, the host's name, and the files given."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("disk", "work", "root"):
            (self.folder / part).mkdir(parents=True)
        self.files.chmod(0o755)
        key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
        identity = {
            "etc/ssh/ssh_host_ed25519_key": NodeFile(key.export_private_key(), mode=0o600),
            "etc/ssh/ssh_host_ed25519_key.pub": NodeFile(key.export_public_key()),
            "etc/hostname": NodeFile(f"{name}\n"),
        }
        for path, file in {**identity, **files}.items():
            content = file.content.encode() if isinstance(file.content, str) else file.content
            write_file(self.files / path, content, mode=file.mode)
        home = self.files / "home/takeoff"
        for own in (home, *home.rglob("*")) if home.exists() else ():
            os.chown(own, LOGIN, LOGIN)
        write_file(self.folder / "host-key.pub", key.export_public_key())  # the last: the disk is complete
