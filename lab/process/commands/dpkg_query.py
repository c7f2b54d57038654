"""dpkg-query: what is installed, in the format that is asked for."""

from __future__ import annotations

import sys

from lab.process.commands.dpkg_status import ABBREVIATIONS, Stanza, held, read_status, state_of

DEFAULT_FORMAT = "${Package}\\t${Version}\\n"


def main(arguments: list[str]) -> int:
    """Show packages; 1 when a name matches none."""
    form, names, action = DEFAULT_FORMAT, [], "-W"
    rest = iter(arguments)
    for argument in rest:
        argument = "-f" + argument[3:] if argument.startswith("-Wf") else argument  # joined, as in `-Wf '${Version}'`
        if argument in ("-f", "--showformat"):
            form = next(rest, "")
        elif argument.startswith(("-f=", "--showformat=")):
            form = argument.partition("=")[2]
        elif argument.startswith("-f"):
            form = argument[2:]
        elif argument in ("-W", "--show", "-l", "--list", "-s", "--status"):
            action = argument
        elif not argument.startswith("-"):
            names.append(argument)
    if action in ("-l", "--list"):
        form = "${db:Status-Abbrev} ${Package} ${Version} ${Architecture}\\n"
    elif action in ("-s", "--status"):
        form = "Package: ${Package}\\nStatus: ${Status}\\nArchitecture: ${Architecture}\\nVersion: ${Version}\\n"
    packages = read_status()
    status = 0
    for name in names or ["*"]:
        matches = _matches(name.removesuffix(":amd64"), packages)
        for key in matches:
            sys.stdout.write(render(form, packages[key]))
        if not matches and names:
            print(f"dpkg-query: no packages found matching {name}", file=sys.stderr)
            status = 1
    return status


def _matches(pattern: str, packages: dict[str, Stanza]) -> list[str]:
    if not set(pattern) & set("*?["):
        return [pattern] if pattern in packages else []
    import fnmatch  # with `re` as much as all the rest together, and seldom needed

    return fnmatch.filter(packages, pattern)


def render(form: str, stanza: Stanza) -> str:
    r"""Fill a format such as ``${Version} ${Status}\\n``; unknown fields are empty, as in dpkg-query."""
    state = state_of(stanza)
    values = {
        **stanza,
        "binary:Package": stanza["Package"],
        "db:Status-Abbrev": ("h" if held(stanza) else "i") + ABBREVIATIONS.get(state, "un ")[1:],
        "db:Status-Status": state,
        "db:Status-Want": stanza["Status"].split()[0],
        "db:Status-Eflag": "ok",
    }
    filled, *fields = form.split("${")
    for field in fields:
        inner, _, after = field.partition("}")
        name, _, width = inner.partition(";")
        filled += _pad(values.get(name, ""), int(width or 0)) + after
    return filled.replace("\\n", "\n").replace("\\t", "\t")


def _pad(text: str, width: int) -> str:
    return text.rjust(width) if width > 0 else text.ljust(-width)
