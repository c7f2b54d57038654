"""What the engine's tests share: real package repositories, and a small environment on hosts that are shells."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.engine.adoption import adopt
from takeoff.engine.session import Session
from tests.clients.conftest import archive, build, keys, web
from tests.core.conftest import SMALL
from tests.engine.sessions import installed_hosts, session_on
from tests.fleet.conftest import environment
from tests.fleet.shell_hosts import ShellHosts

__all__ = ["archive", "build", "environment", "keys", "web"]


@pytest.fixture
def small() -> Environment:
    return parse_environment(SMALL, "lab.yml").environment


@pytest.fixture
def hosts(tmp_path: Path, small: Environment) -> Iterator[ShellHosts]:
    """The small environment's hosts, on its first version."""
    with installed_hosts(tmp_path / "hosts", small) as hosts:
        yield hosts


@pytest.fixture
def unadopted(hosts: ShellHosts, small: Environment) -> Session:
    """The small environment before its first use."""
    return session_on(hosts, small)


@pytest.fixture
async def session(unadopted: Session) -> Session:
    """The small environment, adopted on its first version."""
    await adopt(unadopted, by="maria")
    return unadopted
