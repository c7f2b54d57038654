"""Hosts as an environment file names them: single ones, ranges, and inventories in Ansible's forms."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from takeoff.core.strict_model import StrictModel

HOST_NAME = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$"
"""DNS's letters, digits, dots and hyphens, and the underscore that some inventories use; nothing a shell would read."""

_RANGE = re.compile(r"\[(?P<first>\d+|[a-zA-Z]):(?P<last>\d+|[a-zA-Z])(?::(?P<step>\d+))?\]")
RANGE_LIMIT = 5000
"""Hosts one range may name: a slip such as ``[1:100000]`` is refused instead of resolved."""


class Host(StrictModel):
    """One host: its name everywhere in Takeoff, and how SSH reaches it."""

    name: str = Field(pattern=HOST_NAME)
    """Name of the host, in reports, journal and balancer mapping."""
    address: str | None = None
    """Host name or address to connect to; the name itself if absent."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """SSH port; the environment's `ssh.port` if absent."""

    @property
    def target(self) -> str:
        """What to connect to."""
        return self.address or self.name

    @property
    def short_name(self) -> str:
        """The name up to its first dot, as balancer configurations often write it."""
        return self.name.partition(".")[0]


def expand_range(pattern: str) -> list[str]:
    """Write out Ansible's host ranges: ``web-[01:03]`` is web-01, web-02, web-03; ``db-[a:c]``; ``[1:9:2]`` steps.

    Raises:
        ValueError: the range runs backwards, mixes digits and letters, or names more than 5000 hosts.
    """
    match = _RANGE.search(pattern)
    if match is None:
        return [pattern]
    first, last, step = match["first"], match["last"], int(match["step"] or 1)
    if step == 0 or first.isdigit() != last.isdigit():
        raise ValueError(f"range {match[0]!r} in {pattern!r} is not of the form [01:20], [a:f] or [1:9:2]")
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    low, high = (int(first), int(last)) if first.isdigit() else (ord(first), ord(last))
    if high < low:
        raise ValueError(f"range {match[0]!r} in {pattern!r} runs backwards")
    if (high - low) // step >= RANGE_LIMIT:
        raise ValueError(f"range {match[0]!r} in {pattern!r} names more than {RANGE_LIMIT} hosts")
    values = (str(n).zfill(width) if first.isdigit() else chr(n) for n in range(low, high + 1, step))
    head, tail = pattern[: match.start()], pattern[match.end() :]
    return [head + value + rest for value in values for rest in expand_range(tail)]


def as_hosts(value: Any) -> list[Any]:
    """Turn a list of names, ranges and mappings into hosts, each range written out.

    Raises:
        ValueError: it is no list, or a range is malformed.
    """
    if not isinstance(value, list | tuple):
        raise ValueError(f"expected a list of host names, ranges such as web-[01:20], or mappings; got {value!r}")
    hosts: list[Any] = []
    for entry in value:
        hosts.extend({"name": name} for name in expand_range(entry)) if isinstance(entry, str) else hosts.append(entry)
    return hosts


def as_host(value: Any) -> Any:
    """Let a single host be written as its bare name."""
    return {"name": value} if isinstance(value, str) else value


HostList = Annotated[tuple[Host, ...], BeforeValidator(as_hosts, json_schema_input_type=list[str | Host])]
"""Hosts in the order of the file, ranges written out."""

SingleHost = Annotated[Host, BeforeValidator(as_host, json_schema_input_type=str | Host)]
"""One host: a bare name, or a mapping with name, address and port."""


class Inventory(StrictModel):
    """Where a role's hosts come from when they are not listed: a file or a command, in Ansible's JSON or INI form."""

    file: str | None = None
    """Path of an inventory file, relative to the environment file."""
    command: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Program and arguments that print the inventory (`[ansible-inventory, --list]`); no shell, 60 s at most."""
    group: str
    """Group of the inventory whose hosts, children's included, form this role."""

    @model_validator(mode="after")
    def _one_origin(self) -> Inventory:
        if (self.file is None) == (self.command is None):
            raise ValueError("an inventory needs either `file` or `command`, and not both")
        return self


def duplicates(names: Iterable[str]) -> list[str]:
    """Names that occur more than once, in order of their second occurrence."""
    seen: set[str] = set()
    twice: list[str] = []
    for name in names:
        if name in seen and name not in twice:
            twice.append(name)
        seen.add(name)
    return twice
