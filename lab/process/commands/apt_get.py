"""apt-get: update, install (also download only), clean."""

from __future__ import annotations

import glob
import hashlib
import os
import sys

from lab.process.commands import ROOT
from lab.process.commands.apt_lists import (
    Candidate,
    FetchError,
    SignatureError,
    candidates,
    fetch,
    read_sources,
    update,
)
from lab.process.commands.apt_options import Arguments, parse_arguments
from lab.process.commands.dpkg_database import DpkgError, frontend_lock, interrupted
from lab.process.commands.dpkg_status import held, read_status, state_of

ARCHIVES = f"{ROOT}/var/cache/apt/archives"


def main(arguments: list[str]) -> int:
    """Run one operation; 100 on any error, as apt-get does."""
    parsed = parse_arguments(arguments)
    operation = parsed.words[0] if parsed.words else ""
    try:
        if operation == "update":
            return _update(parsed)
        if operation == "install":
            return _install(parsed)
        if operation in ("clean", "autoclean"):
            for path in glob.glob(f"{ARCHIVES}/*.deb"):
                os.unlink(path)
            return 0
        if operation == "check":
            return 0
        raise DpkgError(f"E: Invalid operation {operation}")
    except DpkgError as error:
        print(error, file=sys.stderr)
        return 100


def _update(parsed: Arguments) -> int:
    """Fetch all lists. As in apt, a failed one is a warning unless nothing older is there or the mode is ``any``."""
    strict = parsed.options.get("apt::update::error-mode") == "any"
    errors = []
    for number, source in enumerate(read_sources(parsed.options), 1):
        name = f"{source.url} {source.suite} InRelease"
        try:
            print(f"Get:{number} {name} [{update(source)} B]", flush=True)
        except FetchError as error:
            print(f"Err:{number} {name}\n  {error}", flush=True)
            errors.append((strict, f"Failed to fetch {source.url}/dists/{source.suite}/InRelease  {error}"))
        except SignatureError as error:
            print(f"Err:{number} {name}\n  {error}", flush=True)
            if os.path.exists(source.list_path):
                text = "An error occurred during the signature verification. The repository is not updated and the "
                errors.append((strict, f"{text}previous index files will be used. GPG error: {name}: {error}"))
            else:
                errors.append((True, f"GPG error: {name}: {error}\nE: The repository '{name}' is not signed."))
    print("Reading package lists...", flush=True)
    for fatal, text in errors:
        print(f"{'E' if fatal else 'W'}: {text}", file=sys.stderr)
    if errors:
        print(
            f"{'E' if strict else 'W'}: Some index files failed to download. They have been ignored, or old ones used "
            "instead.",
            file=sys.stderr,
        )
    return 100 if any(fatal for fatal, _ in errors) else 0


def _install(parsed: Arguments) -> int:
    print("Reading package lists...\nBuilding dependency tree...\nReading state information...", flush=True)
    if interrupted():
        raise DpkgError("E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. ")
    chosen = [_choose(word, parsed) for word in parsed.words[1:]]
    only_download = parsed.has("-d", "--download-only")
    if not only_download and not parsed.has("-y", "--yes", "--assume-yes"):
        raise DpkgError("Do you want to continue? [Y/n] Abort.\nE: the lab's apt-get never asks; give -y")
    with frontend_lock(float(parsed.options.get("dpkg::lock::timeout", "0"))):
        wanted = [each for each in chosen if _check(each, parsed)]
        paths = [_download(each, number) for number, each in enumerate(wanted, 1)]
        if only_download:
            if wanted:
                print("Download complete and in download only mode", flush=True)
            return 0
        from lab.process.commands import dpkg_install

        for path in paths:
            try:
                dpkg_install.install(path)
            except DpkgError as error:
                print(error, file=sys.stderr)
                raise DpkgError(
                    f"Errors were encountered while processing:\n {path.removeprefix(ROOT)}\n"
                    "E: Sub-process /usr/bin/dpkg returned an error code (1)"
                ) from None
    return 0


def _choose(word: str, parsed: Arguments) -> Candidate:
    name, _, version = word.partition("=")
    known = candidates(name, read_sources(parsed.options))
    if not known:
        raise DpkgError(f"E: Unable to locate package {name}")
    match = next((each for each in known if version in ("", each.stanza["Version"])), None)
    if not match:
        raise DpkgError(f"E: Version '{version}' for '{name}' was not found")
    return match


def _check(candidate: Candidate, parsed: Arguments) -> bool:
    """Whether there is anything to do; refuse what apt refuses without the right switch."""
    from lab.process.commands.dpkg import compare

    name, new = candidate.stanza["Package"], candidate.stanza["Version"]
    now = read_status().get(name)
    old = now["Version"] if now and state_of(now) != "not-installed" else ""
    if old == new and state_of(now) == "installed" and not parsed.has("--reinstall"):
        print(
            f"{name} is already the newest version ({new}).\n"
            "0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded."
        )
        return False
    if old and old != new and compare(new, "lt", old):
        print(f"The following packages will be DOWNGRADED:\n  {name}")
        if not parsed.has("--allow-downgrades", "--force-yes"):
            raise DpkgError("E: Packages were downgraded and -y was used without --allow-downgrades.")
    elif old:
        print(f"The following packages will be upgraded:\n  {name}")
    else:
        print(f"The following NEW packages will be installed:\n  {name}")
    if held(now) and not parsed.has("--allow-change-held-packages", "--force-yes"):
        print(f"The following held packages will be changed:\n  {name}")
        raise DpkgError("E: Held packages were changed and -y was used without --allow-change-held-packages.")
    return True


def _download(candidate: Candidate, number: int) -> str:
    """Fetch a package unless the cache has it; the path of the file, whose digest fits the signed index."""
    stanza, source = candidate.stanza, candidate.source
    name, version, digest = stanza["Package"], stanza["Version"], stanza["SHA256"]
    path = f"{ARCHIVES}/{name}_{version.replace(':', '%3a')}_amd64.deb"
    os.makedirs(f"{ARCHIVES}/partial", exist_ok=True)
    if os.path.exists(path) and _digest(path) == digest:
        return path
    if os.path.exists(f"{ROOT}/var/opt/gitlab/lab/faults/disk-full"):
        raise DpkgError("E: You don't have enough free space in /var/cache/apt/archives/.")
    url = f"{source.url}/{stanza['Filename']}"
    partial = f"{ARCHIVES}/partial/{os.path.basename(path)}"
    print(
        f"Get:{number} {source.url} {source.suite}/{source.component} amd64 {name} amd64 {version} "
        f"[{stanza['Size']} B]",
        flush=True,
    )
    try:
        with open(partial, "wb") as stream:
            for piece in fetch(url):
                stream.write(piece)
        if _digest(partial) != digest:
            raise FetchError(f"Hash Sum mismatch\n   Hashes of expected file:\n    - SHA256:{digest}")
    except FetchError as error:
        raise DpkgError(
            f"E: Failed to fetch {url}  {error}\n"
            "E: Unable to fetch some archives, maybe run apt-get update or try with --fix-missing?"
        ) from None
    os.replace(partial, path)
    return path


def _digest(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
