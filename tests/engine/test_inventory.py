"""Inventories in Ansible's forms."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError
from takeoff.engine import inventory as inventories
from takeoff.engine.inventory import parse_inventory, resolve_inventories
from tests.core.conftest import SMALL

INI = """\
# hosts of staging
lonely

[web]
web-[01:02].example ansible_port=2222
web-03.example ansible_host=10.0.0.3   # a comment

[web:vars]
anything = goes

[fleet:children]
web
sidekiq

[sidekiq]
sidekiq-01
; another comment
"""

JSON = """
{"_meta": {"hostvars": {"web-03.example": {"ansible_host": "10.0.0.3"}, "web-01.example": {"ansible_port": 2222}}},
 "all": {"children": ["fleet", "ungrouped"]},
 "fleet": {"children": ["web", "sidekiq"]},
 "web": {"hosts": ["web-01.example", "web-02.example", "web-03.example"]},
 "sidekiq": ["sidekiq-01"]}
"""


@pytest.mark.parametrize("text", [INI, JSON], ids=["INI", "JSON"])
@pytest.mark.parametrize(
    ("group", "hosts"),
    [
        ("web", ["web-01.example", "web-02.example", "web-03.example"]),
        ("fleet", ["web-01.example", "web-02.example", "web-03.example", "sidekiq-01"]),
        ("sidekiq", ["sidekiq-01"]),
    ],
)
def test_a_group_has_its_hosts_and_those_of_its_children(text: str, group: str, hosts: list[str]) -> None:
    assert parse_inventory(text, "inventory").members(group) == hosts


@pytest.mark.parametrize("text", [INI, JSON], ids=["INI", "JSON"])
def test_it_says_where_a_host_is(text: str) -> None:
    variables = parse_inventory(text, "inventory").variables
    assert variables["web-03.example"]["ansible_host"] == "10.0.0.3"
    assert str(variables["web-01.example"]["ansible_port"]) == "2222"


def test_groups_that_contain_each_other_end() -> None:
    text = '{"a": {"hosts": ["x"], "children": ["b"]}, "b": {"hosts": ["y"], "children": ["a"]}}'
    assert parse_inventory(text, "inventory").members("a") == ["x", "y"]


def with_inventory(inventory: str) -> Environment:
    text = SMALL.replace("sidekiq: [sidekiq-01]", f"pages: {{inventory: {{{inventory}, group: web}}}}")
    return parse_environment(text, "lab.yml").environment


async def test_a_file_gives_a_role_its_hosts(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text(INI)
    environment = await resolve_inventories(with_inventory(f"file: {tmp_path / 'hosts.ini'}"), tmp_path)
    hosts = environment.stage("main").roles["pages"].hosts
    assert [(host.name, host.target, host.port) for host in hosts] == [
        ("web-01.example", "web-01.example", 2222),
        ("web-02.example", "web-02.example", 2222),
        ("web-03.example", "10.0.0.3", None),
    ]


async def test_a_command_is_run_without_a_shell_in_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "print.py").write_text(f"print('''{JSON}''')")
    environment = await resolve_inventories(with_inventory(f"command: [{sys.executable}, print.py, $HOME]"), tmp_path)
    assert len(environment.stage("main").roles["pages"].hosts) == 3


@pytest.mark.parametrize(
    ("inventory", "content", "said"),
    [
        ("file: {folder}/gone.ini", "", r"inventory\.file: .*gone\.ini cannot be read"),
        ("file: {folder}/hosts", "{", "the inventory is no JSON"),
        ("file: {folder}/hosts", "[web]\nweb-01 port", "line 2 of the inventory: 'port' is not of the form"),
        ("file: {folder}/hosts", "[web:what]", "line 1 of the inventory: a section is"),
        ("file: {folder}/hosts", "[web]\nweb-[3:1]", "line 2 of the inventory: .*runs backwards"),
        ("file: {folder}/hosts", "[api]\napi-01", r"has no group 'web'; it has: all, api, ungrouped"),
        ("file: {folder}/hosts", "[web]", "group 'web' of the inventory has no hosts"),
        ("file: {folder}/hosts", "[web]\n'web 01; rm'", "a host of group 'web': 'web 01; rm'"),
        ("file: {folder}/hosts", "[web]\nweb-01", "host 'web-01' is named twice"),
        ("command: [/nowhere/inventory]", "", r"inventory\.command: /nowhere/inventory cannot be started: .*; install"),
        ("command: [sh, -c, 'echo broken >&2; exit 3']", "", "exited 3: broken"),
    ],
    ids=[
        "no file",
        "cut JSON",
        "a word that is no variable",
        "unknown section",
        "a range that runs backwards",
        "no such group",
        "an empty group",
        "a name that a shell would read",
        "a host that stands elsewhere too",
        "no such command",
        "a command that fails",
    ],
)
async def test_a_wrong_inventory_is_said(tmp_path: Path, inventory: str, content: str, said: str) -> None:
    (tmp_path / "hosts").write_text(content)
    with pytest.raises(ConfigError, match=said):
        await resolve_inventories(with_inventory(inventory.replace("{folder}", str(tmp_path))), tmp_path)


ENDLESS = "command: [sh, -c, 'sleep 600; true']"
"""The shell's child holds the pipes, also when the shell alone is killed."""


async def test_a_command_that_gives_nothing_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "COMMAND_TIMEOUT_S", 0.3)
    with pytest.raises(ConfigError, match="gave no inventory within 0 s"):
        await asyncio.wait_for(resolve_inventories(with_inventory(ENDLESS), tmp_path), 30)


async def test_a_child_that_left_its_group_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventories, "COMMAND_TIMEOUT_S", 0.5)
    monkeypatch.setattr(inventories, "KILLED_S", 0.2)
    command = "command: [sh, -c, 'setsid sh -c \"echo \\$\\$ >left; exec sleep 600\" & wait']"
    try:
        with pytest.raises(ConfigError, match="gave no inventory"):
            await asyncio.wait_for(resolve_inventories(with_inventory(command), tmp_path), 30)
    finally:
        os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("steps", range(12))
async def test_who_no_longer_wants_the_inventory_does_not_wait_for_its_command(tmp_path: Path, steps: int) -> None:
    resolving = asyncio.create_task(resolve_inventories(with_inventory(ENDLESS), tmp_path))
    for _ in range(steps):
        await asyncio.sleep(0)
    resolving.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.wait_for(resolving, 30)
    assert resolving.cancelled()
