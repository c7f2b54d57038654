"""What is on the disk of a lab host before its first boot: its identity, and who may log in to it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import asyncssh

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

    def make(self, name: str, authorized: str, hosts: str) -> None:
        """Lay a new disk out.

        Args:
            name: the host's name.
            authorized: public keys that may log in as `takeoff`, as `authorized_keys` has them.
            hosts: content of `/etc/hosts`.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("disk", "work", "root"):
            (self.folder / part).mkdir(parents=True)
        self.files.chmod(0o755)
        key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
        self.put("etc/ssh/ssh_host_ed25519_key", key.export_private_key().decode(), mode=0o600)
        self.put("etc/ssh/ssh_host_ed25519_key.pub", key.export_public_key().decode())
        self.put("etc/hostname", f"{name}\n")
        self.put("etc/hosts", hosts)
        self.put("home/takeoff/.ssh/authorized_keys", authorized, mode=0o600)
        for path in ("home/takeoff", "home/takeoff/.ssh", "home/takeoff/.ssh/authorized_keys"):
            os.chown(self.files / path, LOGIN, LOGIN)
        write_file(self.folder / "host-key.pub", key.export_public_key())  # the last: the disk is complete

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file, as seen from the host's root; only while the host is off."""
        write_file(self.files / path, content.encode() if isinstance(content, str) else content, mode=mode)
