"""dpkg: the options that a deploy asks it for.

It is asked so often how things stand that only what installs imports much.
"""

from __future__ import annotations

import sys

from lab.process.commands.dpkg_status import read_status, state_of


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
    if action == "--print-architecture":
        print("amd64")
    elif action == "--compare-versions" and len(rest) == 3:
        return 0 if compare(*rest) else 1
    elif action == "--audit":
        sys.stdout.write(audit())
    elif action == "--configure" and rest[:1] in (["-a"], ["--pending"]):
        return _configure_all()
    elif action in ("-l", "--list", "-s", "--status", "-W"):
        from lab.process.commands import dpkg_query

        return dpkg_query.main([action, *rest])
    else:
        print(f"dpkg: error: the lab's dpkg does not know {' '.join(arguments)!r}", file=sys.stderr)
        return 2
    return 0


def _configure_all() -> int:
    from lab.process.commands.dpkg_database import DpkgError, frontend_lock
    from lab.process.commands.dpkg_install import configure_all

    try:
        with frontend_lock(0):
            configure_all()
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
