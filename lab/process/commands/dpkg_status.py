"""dpkg's status file on a host, read: which packages there are, and how far each has come."""

from __future__ import annotations

from lab.process.commands import ROOT

STATUS = f"{ROOT}/var/lib/dpkg/status"

ABBREVIATIONS = {
    "installed": "ii ",
    "half-configured": "iF ",
    "unpacked": "iU ",
    "half-installed": "iH ",
    "config-files": "rc ",
    "not-installed": "un ",
}
"""Third word of a package's status → what `${db:Status-Abbrev}` shows when it is wanted (dpkg-query(1))."""

Stanza = dict[str, str]


def parse_stanzas(text: str) -> list[Stanza]:
    """Read paragraphs of ``Name: value`` lines; continuation lines stay part of the value."""
    stanzas = []
    for paragraph in text.split("\n\n"):
        stanza: Stanza = {}
        name = ""
        for line in paragraph.splitlines():
            if line[:1] in (" ", "\t") and name:
                stanza[name] += "\n" + line
            elif ":" in line:
                name, _, value = line.partition(":")
                stanza[name] = value.strip()
        if stanza:
            stanzas.append(stanza)
    return stanzas


def read_status() -> dict[str, Stanza]:
    """Package name → its stanza."""
    try:
        with open(STATUS) as stream:
            return {stanza["Package"]: stanza for stanza in parse_stanzas(stream.read())}
    except FileNotFoundError:
        return {}


def state_of(stanza: Stanza | None) -> str:
    """``installed``, ``unpacked``, …; ``not-installed`` for None."""
    return stanza["Status"].split()[2] if stanza else "not-installed"


def held(stanza: Stanza | None) -> bool:
    """Whether `apt-mark hold` is in force."""
    return bool(stanza) and stanza["Status"].split()[0] == "hold"  # type: ignore[index]
