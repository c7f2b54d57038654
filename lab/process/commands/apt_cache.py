"""apt-cache: madison, policy and show."""

from __future__ import annotations

import sys

from lab.process.commands.apt_lists import Candidate, candidates, read_sources
from lab.process.commands.apt_options import parse_arguments
from lab.process.commands.dpkg_status import read_status, state_of


def main(arguments: list[str]) -> int:
    """Answer one query; 100 when a package or operation is unknown (madison and policy just print nothing)."""
    parsed = parse_arguments(arguments)
    operation, *words = parsed.words or [""]
    sources = read_sources(parsed.options)
    for word in words:
        name, _, version = word.partition("=")
        known = candidates(name, sources)
        if operation == "madison":
            for each in known:
                print(f"{name:>10} | {each.stanza['Version']:>10} | {_origin(each)}")
        elif operation == "policy":
            _policy(name, known)
        elif operation == "show":
            matches = [each for each in known if version in ("", each.stanza["Version"])]
            if not matches:
                print("E: No packages found", file=sys.stderr)
                return 100
            for each in matches:
                print("\n".join(f"{key}: {value}" for key, value in each.stanza.items()) + "\n")
        else:
            print(f"E: Invalid operation {operation}", file=sys.stderr)
            return 100
    return 0


def _policy(name: str, known: list[Candidate]) -> None:
    now = read_status().get(name)
    old = now["Version"] if now and state_of(now) != "not-installed" else ""
    if not known and not old:
        return
    print(f"{name}:\n  Installed: {old or '(none)'}")
    print(f"  Candidate: {known[0].stanza['Version'] if known else old}\n  Version table:")
    for each in known:
        here = each.stanza["Version"] == old
        print(f" {'***' if here else '   '} {each.stanza['Version']} 500\n        500 {_origin(each)}")
        if here:
            print("        100 /var/lib/dpkg/status")
    if old and old not in [each.stanza["Version"] for each in known]:
        print(f" *** {old} 100\n        100 /var/lib/dpkg/status")


def _origin(candidate: Candidate) -> str:
    source = candidate.source
    return f"{source.url} {source.suite}/{source.component} amd64 Packages"
