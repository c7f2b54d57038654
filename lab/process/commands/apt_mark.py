"""apt-mark: hold, unhold and showhold."""

from __future__ import annotations

import sys

from lab.process.commands.dpkg_database import write_status
from lab.process.commands.dpkg_status import held, read_status


def main(arguments: list[str]) -> int:
    """Set, lift or show holds; 100 for a package that is not known."""
    operation, *names = [each for each in arguments if not each.startswith("-")] or [""]
    packages = read_status()
    if operation == "showhold":
        for name, stanza in packages.items():
            if held(stanza) and name in (names or [name]):
                print(name)
        return 0
    if operation not in ("hold", "unhold"):
        print(f"E: Invalid operation {operation}", file=sys.stderr)
        return 100
    for name in names:
        if name not in packages:
            print(f"E: Unable to locate package {name}", file=sys.stderr)
            return 100
        words = packages[name]["Status"].split()
        change = held(packages[name]) != (operation == "hold")
        words[0] = "hold" if operation == "hold" else "install"
        if change:
            write_status({**packages[name], "Status": " ".join(words)})
        if operation == "hold":
            print(f"{name} set on hold." if change else f"{name} was already set on hold.")
        else:
            print(f"Canceled hold on {name}." if change else f"{name} was already not on hold.")
    return 0
