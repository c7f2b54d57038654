"""dpkg: unpack and configure with maintainer scripts, and the options that a deploy asks it for."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from lab.process.commands import ROOT
from lab.process.commands.archive import Archive
from lab.process.commands.dpkg_database import (
    INTERRUPTED,
    DpkgError,
    Stanza,
    frontend_lock,
    log,
    read_status,
    set_state,
    state_of,
    uninterrupted,
    write_status,
)

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


def audit() -> str:
    """What `dpkg --audit` prints: nothing when all is well."""
    texts = {
        "half-installed": (
            "The following packages are in a mess due to serious problems during\n"
            "installation.  They must be reinstalled for them (and any packages\n"
            "that depend on them) to function properly:"
        ),
        "unpacked": (
            "The following packages have been unpacked but not yet configured.\n"
            "They must be configured using dpkg --configure or the configure\n"
            "menu option in dselect for them to work:"
        ),
        "half-configured": (
            "The following packages are only half configured, probably due to problems\n"
            "configuring them the first time.  The configuration should be retried using\n"
            "dpkg --configure <package> or the configure menu option in dselect:"
        ),
    }
    lines = []
    for state, text in texts.items():
        if names := [name for name, stanza in read_status().items() if state_of(stanza) == state]:
            lines += [text, *(f" {name:<20}" for name in names), ""]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run one dpkg command; its exit status."""
    action, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    try:
        if action == "--print-architecture":
            print("amd64")
        elif action == "--compare-versions" and len(rest) == 3:
            return 0 if compare(*rest) else 1
        elif action == "--audit":
            sys.stdout.write(audit())
        elif action == "--configure" and rest[:1] in (["-a"], ["--pending"]):
            with frontend_lock(0):
                configure_all()
        elif action in ("-l", "--list", "-s", "--status", "-W"):
            from lab.process.commands import dpkg_query

            return dpkg_query.main([action, *rest])
        else:
            print(f"dpkg: error: the lab's dpkg does not know {' '.join(arguments)!r}", file=sys.stderr)
            return 2
    except DpkgError as error:
        print(error, file=sys.stderr)
        return 2 if "lock" in str(error) else 1
    return 0


def compare(left: str, operator: str, right: str) -> bool:
    """Compare two versions as Debian orders them, with dpkg's words for the operators."""
    from debian.debian_support import version_compare

    order = version_compare(left, right)
    return {
        "lt": order < 0, "le": order <= 0, "eq": order == 0, "ne": order != 0, "ge": order >= 0, "gt": order > 0,
        "<<": order < 0, "<=": order <= 0, "=": order == 0, ">=": order >= 0, ">>": order > 0,
    }[operator]  # fmt: skip


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
