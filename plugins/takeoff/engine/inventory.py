"""Reads inventories in Ansible's forms: the JSON of ``ansible-inventory --list``, and INI files.

Of Ansible's documented forms ("How to build your inventory", "Developing dynamic inventory") only what says where a
host is gets used: groups, children, host ranges, ``ansible_host`` and ``ansible_port``.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from takeoff.core.environment import Environment
from takeoff.core.errors import ConfigError
from takeoff.core.hosts import Host, Inventory, expand_range

COMMAND_TIMEOUT_S = 60.0
"""Seconds an inventory command may take."""

KILLED_S = 2.0
"""Seconds until what was killed has ended."""


class Groups(NamedTuple):
    """An inventory.

    Attributes:
        hosts: group → its own hosts, in order.
        children: group → groups whose hosts are also its.
        variables: host → what is said of it.
    """

    hosts: dict[str, list[str]]
    children: dict[str, list[str]]
    variables: dict[str, dict[str, Any]]

    def members(self, group: str, seen: frozenset[str] = frozenset()) -> list[str]:
        """List a group's hosts, its children's included, each once.

        Raises:
            KeyError: there is no such group.
        """
        if group not in self.hosts and group not in self.children:
            raise KeyError(group)
        found = dict.fromkeys(self.hosts.get(group, ()))
        for child in self.children.get(group, ()):
            if child not in seen and (child in self.hosts or child in self.children):
                found |= dict.fromkeys(self.members(child, seen | {group}))
        return list(found)


async def resolve_inventories(environment: Environment, folder: Path) -> Environment:
    """Put the hosts of all inventories in place; each file is read, and each command run, once.

    Args:
        environment: with absolute paths.
        folder: where commands run.

    Raises:
        ConfigError: a file or command gives no inventory, or not the group.
    """
    read: dict[tuple[str | None, tuple[str, ...] | None], Groups] = {}
    resolved: dict[tuple[str, str], tuple[Host, ...]] = {}
    for stage in environment.stages:
        for role, part in stage.roles.items():
            if (inventory := part.inventory) is None:
                continue
            field, key = f"stages.{stage.name}.{role}.inventory", (inventory.file, inventory.command)
            if key not in read:
                read[key] = parse_inventory(await _text(inventory, folder, field), field)
            resolved[stage.name, role] = _hosts(read[key], inventory.group, field)
    try:
        return environment.with_hosts(resolved) if resolved else environment
    except ValidationError as error:
        raise ConfigError(f"{environment.name}: the inventory does not fit: {error.errors()[0]['msg']}") from None


def parse_inventory(text: str, field: str) -> Groups:
    """Read an inventory in either form.

    Args:
        text: what the file or command gave.
        field: for messages.

    Raises:
        ConfigError: it is in neither form; names the line of an INI file.
    """
    return _from_json(text, field) if text.lstrip().startswith("{") else _from_ini(text, field)


def _from_json(text: str, field: str) -> Groups:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{field}: the inventory is no JSON: {error}") from None
    meta = data.pop("_meta", {})
    variables = meta.get("hostvars", {}) if isinstance(meta, Mapping) else {}
    hosts: dict[str, list[str]] = {}
    children: dict[str, list[str]] = {}
    for group, content in data.items():
        # A bare list of hosts is the oldest form, and still a valid one.
        parts = {"hosts": content} if isinstance(content, list) else content
        if not isinstance(parts, Mapping):
            raise ConfigError(f"{field}: group {group!r} of the inventory is neither a list nor a mapping")
        hosts[group] = [str(host) for host in parts.get("hosts", ())]
        children[group] = [str(child) for child in parts.get("children", ())]
    return Groups(hosts, children, {str(host): dict(said) for host, said in variables.items()})


def _from_ini(text: str, field: str) -> Groups:
    hosts: dict[str, list[str]] = {"ungrouped": []}
    children: dict[str, list[str]] = {}
    variables: dict[str, dict[str, Any]] = {}
    group, kind = "ungrouped", "hosts"
    for number, line in enumerate(text.splitlines(), 1):
        try:
            words = shlex.split(line, comments=True)
            if not words or line.lstrip().startswith(";"):
                continue
            if words[0].startswith("[") and words[0].endswith("]") and len(words) == 1:
                group, _, kind = words[0][1:-1].partition(":")
                kind = kind or "hosts"
                if kind not in ("hosts", "children", "vars"):
                    raise ValueError(f"a section is [group], [group:children] or [group:vars], not {words[0]}")
                if kind != "vars":
                    (hosts if kind == "hosts" else children).setdefault(group, [])
            elif kind == "children":
                children[group].append(words[0])
            elif kind == "hosts":
                said = dict(_variable(word) for word in words[1:])
                for host in expand_range(words[0]):
                    hosts[group].append(host)
                    variables.setdefault(host, {}).update(said)
        except ValueError as error:
            raise ConfigError(f"{field}: line {number} of the inventory: {error}") from None
    hosts["all"] = list(dict.fromkeys(host for members in hosts.values() for host in members))
    return Groups(hosts, children, variables)


def _variable(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise ValueError(f"{word!r} is not of the form variable=value")
    return name, value


def _hosts(groups: Groups, group: str, field: str) -> tuple[Host, ...]:
    try:
        names = groups.members(group)
    except KeyError:
        known = ", ".join(sorted(groups.hosts.keys() | groups.children.keys())) or "none"
        raise ConfigError(f"{field}.group: the inventory has no group {group!r}; it has: {known}") from None
    if not names:
        raise ConfigError(f"{field}.group: group {group!r} of the inventory has no hosts")
    try:
        return tuple(
            Host(
                name=name,
                address=groups.variables.get(name, {}).get("ansible_host"),
                port=groups.variables.get(name, {}).get("ansible_port"),
            )
            for name in names
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{field}: a host of group {group!r}: {first['input']!r}: {first['msg']}") from None


async def _text(inventory: Inventory, folder: Path, field: str) -> str:
    if inventory.file is not None:
        try:
            return await asyncio.to_thread(Path(inventory.file).read_text, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{field}.file: {inventory.file} cannot be read: {error}") from None
    command = inventory.command or ()
    told = shlex.join(command)
    try:
        status, output, errors = await _run(command, folder)
    except TimeoutError:
        raise ConfigError(f"{field}.command: {told} gave no inventory within {COMMAND_TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise ConfigError(
            f"{field}.command: {told} cannot be started: {error.strerror}; install {command[0]} on this machine, as on "
            "every one that runs takeoff or a worker of Airflow, or give its path"
        ) from None
    if status:
        said = errors.decode("utf-8", "replace").strip()[-500:]
        raise ConfigError(f"{field}.command: {told} exited {status}: {said}")
    return output.decode("utf-8", "replace")


async def _run(command: Sequence[str], folder: Path) -> tuple[int | None, bytes, bytes]:
    """Give exit status, output and errors; when the wait for them ends early, so does all that was begun."""
    starting = asyncio.create_task(
        asyncio.create_subprocess_exec(
            *command, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1, start_new_session=True
        )
    )
    try:
        # Shielded: cancelled before its pipes are connected, asyncio waits for ever (python/cpython#103847).
        process = await asyncio.shield(starting)
        output, errors = await asyncio.wait_for(process.communicate(), COMMAND_TIMEOUT_S)
    except (TimeoutError, asyncio.CancelledError):
        process = await starting
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        try:
            await asyncio.wait_for(process.wait(), KILLED_S)
        except TimeoutError:
            # A child that has left the group holds the pipes, and asyncio waits for those too.
            process._transport.close()  # type: ignore[attr-defined]
        raise
    return process.returncode, output, errors
