"""dpkg's unpacking and configuring, with maintainer scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from lab.process.commands import ROOT
from lab.process.commands.archive import Archive
from lab.process.commands.dpkg_database import INTERRUPTED, DpkgError, log, set_state, uninterrupted, write_status
from lab.process.commands.dpkg_status import Stanza, read_status, state_of

INFO = f"{ROOT}/var/lib/dpkg/info"
KEPT_FIELDS = ("Package", "Version", "Architecture", "Maintainer", "Installed-Size", "Depends", "Description")


def install(path: str) -> None:
    """Unpack and configure one package file.

    Raises:
        DpkgError: a maintainer script failed or the disk is full; the text is what dpkg prints.
    """
    archive = Archive(path)
    name, new = archive.control["Package"], archive.control["Version"]
    before = read_status().get(name)
    old = before["Version"] if before and state_of(before) != "not-installed" else ""
    with uninterrupted():
        try:
            stanza = _unpack(archive, before, old)
        except DpkgError:
            if before:
                write_status(before)  # dpkg unwinds: the old version stays installed
            raise
        _say(f"Setting up {name} ({new}) ...")
        _configure(stanza, old)


def configure_all() -> None:
    """Finish what an interrupted run left: `dpkg --configure -a`."""
    failed = []
    for stanza in read_status().values():
        if state_of(stanza) in ("unpacked", "half-configured"):
            _say(f"Setting up {stanza['Package']} ({stanza['Version']}) ...")
            try:
                _configure(stanza, stanza.get("Config-Version", ""))
            except DpkgError as error:
                print(error, file=sys.stderr)
                failed.append(stanza["Package"])
    if os.path.exists(INTERRUPTED):
        os.unlink(INTERRUPTED)
    if failed:
        raise DpkgError("Errors were encountered while processing:\n" + "\n".join(f" {x}" for x in failed), 1)


def _unpack(archive: Archive, before: Stanza | None, old: str) -> Stanza:
    name, new = archive.control["Package"], archive.control["Version"]
    _say(f"Preparing to unpack .../{os.path.basename(archive.path)} ...")
    stanza = {field: archive.control[field] for field in KEPT_FIELDS if field in archive.control}
    stanza["Status"] = f"install ok {state_of(before)}"  # a hold ends, as with dpkg itself
    stanza["Config-Version"] = old
    log(f"{'upgrade' if old else 'install'} {name}:amd64 {old or '<none>'} {new}")
    script = archive.scripts.get("preinst")
    if script and (status := _run(script, name, "preinst", ["upgrade", old] if old else ["install"])):
        raise DpkgError(
            f"dpkg: error processing archive {archive.path.removeprefix(ROOT)} (--unpack):\n new {name} package "
            f"pre-installation script subprocess returned error exit status {status}"
        )
    stanza = set_state(stanza, "half-installed")
    _say(f"Unpacking {name} ({new}) {f'over ({old}) ' if old else ''}...")
    paths = archive.unpack()
    listing = f"{INFO}/{name}.list"
    if os.path.exists(listing):
        with open(listing) as stream:
            for path in set(json.load(stream)) - set(paths):
                if os.path.exists(ROOT + path):
                    os.unlink(ROOT + path)
    os.makedirs(INFO, exist_ok=True)
    with open(listing, "w") as stream:
        json.dump(paths, stream)
    for kind, text in archive.scripts.items():
        with open(f"{INFO}/{name}.{kind}", "wb") as binary:
            binary.write(text)
    return set_state(stanza, "unpacked")


def _configure(stanza: Stanza, old: str) -> None:
    name = stanza["Package"]
    stanza = set_state(stanza, "half-configured")
    script = f"{INFO}/{name}.postinst"
    if os.path.exists(script):
        with open(script, "rb") as stream:
            text = stream.read()
        if status := _run(text, name, "postinst", ["configure", old]):
            raise DpkgError(
                f"dpkg: error processing package {name} (--configure):\n installed {name} package post-installation "
                f"script subprocess returned error exit status {status}"
            )
    set_state(stanza, "installed")


def _run(script: bytes, package: str, kind: str, arguments: list[str]) -> int:
    folder = f"{ROOT}/var/lib/dpkg/tmp.ci"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/{package}.{kind}"
    with open(path, "wb") as stream:
        stream.write(script)
        os.fchmod(stream.fileno(), 0o755)
    environment = {**os.environ, "DPKG_ROOT": ROOT, "DPKG_MAINTSCRIPT_PACKAGE": package, "DPKG_MAINTSCRIPT_NAME": kind}
    return subprocess.call(["/bin/sh", path, *arguments], env=environment, stdin=subprocess.DEVNULL)


def _say(text: str) -> None:
    print(text, flush=True)
