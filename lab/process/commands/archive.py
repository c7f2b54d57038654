"""Reads and unpacks a .deb (deb(5)): an ar archive of two tar archives."""

from __future__ import annotations

import io
import os
import tarfile
from typing import IO

from lab.process.commands import ROOT
from lab.process.commands.dpkg_database import DpkgError
from lab.process.commands.dpkg_status import Stanza, parse_stanzas


class Archive:
    """One package file.

    Attributes:
        control: its control stanza.
        scripts: maintainer script name → text.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        members = _members(path)
        self._data = members["data"]
        self.scripts: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(members["control"])) as control:
            for entry in control:
                if stream := control.extractfile(entry):
                    self.scripts[entry.name.removeprefix("./")] = stream.read()
        self.control: Stanza = parse_stanzas(self.scripts.pop("control").decode())[0]

    def unpack(self) -> list[str]:
        """Write all files, each replaced at once, as dpkg does; the paths, absolute on the host.

        Raises:
            DpkgError: the disk is full, truly or on purpose.
        """
        paths = []
        full = os.path.exists(f"{ROOT}/var/opt/gitlab/lab/faults/disk-full")
        with tarfile.open(fileobj=io.BytesIO(self._data)) as data:
            for entry in data:
                path = entry.name.removeprefix(".")
                target = ROOT + path
                if entry.isdir():
                    os.makedirs(target, exist_ok=True)
                elif entry.isfile():
                    try:
                        if full:
                            raise OSError(28, "No space left on device")
                        _write(target, data.extractfile(entry), entry.mode)
                    except OSError as error:
                        raise DpkgError(
                            f"dpkg: error processing archive {self.path.removeprefix(ROOT)} (--unpack):\n cannot copy "
                            f"extracted data for '.{path}' to '{path}.dpkg-new': failed to write ({error.strerror})"
                        ) from None
                    paths.append(path)
        return paths


def _members(path: str) -> dict[str, bytes]:
    members = {}
    with open(path, "rb") as stream:
        if stream.read(8) != b"!<arch>\n":
            raise DpkgError(f"dpkg-deb: error: '{path.removeprefix(ROOT)}' is not a Debian format archive")
        while header := stream.read(60):
            size = int(header[48:58])
            members[header[:16].decode().strip().rstrip("/").split(".")[0]] = stream.read(size)
            stream.seek(size % 2, 1)
    return members


def _write(target: str, source: IO[bytes] | None, mode: int) -> None:
    assert source is not None
    temporary = f"{target}.dpkg-new"
    with open(temporary, "wb") as stream:
        stream.write(source.read())
        os.fchmod(stream.fileno(), mode)
    os.replace(temporary, target)
