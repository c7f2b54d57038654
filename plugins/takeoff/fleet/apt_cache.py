"""Asks a host of the fleet what its own apt could install: a source where the repository cannot be reached directly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from debian.deb822 import Deb822

from takeoff.core.candidates import Candidate, Holdings, PassedOver
from takeoff.core.errors import HostError, SourceUnavailable, SourceUntrusted, VersionError
from takeoff.core.versions import PackageVersion
from takeoff.fleet.protocols import Transport

TIMEOUT_S = 300.0
SEPARATOR = "==== show"

SCRIPT = f"""\
set -eu
package=$1 source_list=$2
LC_ALL=C DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
set --
if [ -n "$source_list" ]; then
    [ -r "$source_list" ] || {{ echo "E: $source_list is not there" >&2; exit 100; }}
    set -- -o Dir::Etc::sourcelist="$source_list" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
fi
apt-get -q "$@" -o APT::Update::Error-Mode=any update >/dev/null
apt-cache "$@" madison "$package"
echo '{SEPARATOR}'
apt-cache "$@" show "$package" 2>/dev/null || true
"""
"""Arguments: the package, and the file of the host's sources that has its repository (empty for all of them)."""

_DOUBTFUL = re.compile(r"NO_PUBKEY|EXPKEYSIG|KEYEXPIRED|REVKEYSIG|BADSIG|GPG error|Hash Sum mismatch|is expired")
_UNSIGNED = re.compile(r"not signed|no longer signed")
_NOT_FETCHED = re.compile(r"Failed to fetch")


class AptCache:
    """Tells what one host's apt knows of a package.

    Args:
        transport: reaches the host.
        host: which one is asked.
        package: name of the package.
        source_list: file of the host's sources that has the package's repository; ``None`` for all of them.
        distribution: what the fleet calls that host's distribution.
    """

    def __init__(
        self, transport: Transport, host: str, package: str, *, source_list: str | None = None, distribution: str = ""
    ) -> None:
        self.name = f"apt_cache on {host}"
        self._transport = transport
        self._host = host
        self._package = package
        self._source_list = source_list or ""
        self._distribution = distribution

    async def ask(self) -> Holdings:
        """Update the host's index of the package's source and list what is in it.

        Raises:
            SourceUnavailable: the host gives no answer, or its apt cannot update or does not know the package.
            SourceUntrusted: the host's apt does not believe the repository.
        """
        try:
            done = await self._transport.run(
                self._host, SCRIPT, (self._package, self._source_list), timeout_s=TIMEOUT_S
            )
        except HostError as error:
            raise SourceUnavailable(self.name, str(error)) from error
        if done.exit_status != 0:
            said = "; ".join(line for line in done.error_text.splitlines() if line.startswith(("E:", "W:", "Err:")))
            said = said or f"exit status {done.exit_status}, without a word"
            # What could not be fetched is also called unsigned.
            if _DOUBTFUL.search(said) or (_UNSIGNED.search(said) and not _NOT_FETCHED.search(said)):
                raise SourceUntrusted(self.name, f"the host's apt does not believe the repository: {said}")
            raise SourceUnavailable(self.name, f"the host's apt could not look: {said}")
        madison, _, stanzas = done.text.partition(SEPARATOR + "\n")
        holdings = self._read(madison, stanzas)
        if not holdings.candidates and not holdings.unreadable:
            raise SourceUnavailable(self.name, f"the host's apt knows no package {self._package}")
        return holdings

    async def describe(self, candidate: Candidate) -> Candidate:
        """Return it as it is: the host's index told all there is."""
        return candidate

    def _read(self, madison: str, stanzas: str) -> Holdings:
        known: dict[tuple[str, str], Mapping[str, str]] = {
            (str(one.get("Version")), str(one.get("Architecture"))): one for one in Deb822.iter_paragraphs(stanzas)
        }
        candidates, unreadable = [], []
        for text, architecture in dict.fromkeys(self._rows(madison)):
            try:
                version = PackageVersion.parse(text)
            except VersionError as error:
                unreadable.append(PassedOver(text[:80], None, f"cannot be read: {error}"))
                continue
            stanza = known.get((text, architecture)) or known.get((text, "all")) or {}
            size = str(stanza.get("Size", ""))
            candidates.append(
                Candidate(
                    name=self._package,
                    version=version,
                    distribution=self._distribution,
                    architecture=str(stanza.get("Architecture", architecture)),
                    sha256=str(stanza.get("SHA256", "")).lower(),
                    size=int(size) if size.isdecimal() else 0,
                    source=self.name,
                    filename=str(stanza.get("Filename", "")),
                )
            )
        return Holdings(tuple(candidates), tuple(unreadable))

    def _rows(self, madison: str) -> Iterator[tuple[str, str]]:
        """Yield version and architecture of each row: ``name | version | URL suite/component amd64 Packages``."""
        for line in madison.splitlines():
            columns = [column.strip() for column in line.split("|")]
            if len(columns) == 3 and columns[0] == self._package and columns[2].endswith(" Packages"):
                yield columns[1], columns[2].split()[-2]
