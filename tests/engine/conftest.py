"""What the engine's tests share: real package repositories, and an adopted environment on hosts that are shells."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from takeoff.core.environment_text import parse_environment
from takeoff.engine.adoption import adopt
from takeoff.engine.session import Session
from tests.clients.conftest import archive, build, keys, web
from tests.core.conftest import SMALL
from tests.engine.sessions import FIRST, install, session_on
from tests.fleet.conftest import environment
from tests.fleet.job_processes import end_jobs
from tests.fleet.shell_hosts import ShellHosts

__all__ = ["archive", "build", "environment", "keys", "web"]


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    """The small environment, adopted on its first version."""
    small = parse_environment(SMALL, "lab.yml").environment
    hosts = ShellHosts(tmp_path / "hosts")
    install(hosts, small, dict.fromkeys(small.fleet, FIRST))
    session = session_on(hosts, small)
    await adopt(session, by="maria")
    yield session
    end_jobs(tmp_path / "hosts")
