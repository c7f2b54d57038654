"""What the web side can read while a task works, and when it is written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from takeoff.core.environment_status import status_of
from takeoff.core.environment_text import parse_environment
from takeoff.operators import mirrored_state
from takeoff.operators.host_steps import HostSteps
from takeoff.operators.log_progress import LogProgress
from tests.core.conftest import SMALL
from tests.core.journals import Journal, started
from tests.core.records import BEGIN


class Variables:
    """Airflow's Variables: what is in them, and every name that was written, in order."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.written: list[str] = []
        self.broken = False

    def set(self, key: str, value: str, description: str = "") -> None:
        if self.broken:
            raise RuntimeError("the API server gives no answer")
        self.written.append(key)
        self.held[key] = value

    def get(self, key: str, default: str = "") -> str:
        return self.held.get(key, default)

    def host(self, name: str) -> dict[str, Any]:
        held = json.loads(self.held.get("takeoff.hosts.lab", '{"hosts": []}'))
        return next((one for one in held["hosts"] if one["host"] == name), {})


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Variables:
    made = Variables()
    monkeypatch.setattr(mirrored_state, "Variable", made)
    monkeypatch.setattr(mirrored_state, "LOOK_S", 0.01)
    return made


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session whose journal says that main.web has started."""
    journal = Journal().opened().did(started("main.web"))
    environment = parse_environment(SMALL, "lab.yml").environment

    async def look(asked: Any, *, hosts: bool) -> Any:
        return status_of(journal.record, environment, BEGIN)

    async def why(asked: Any, *, packages: bool) -> Any:
        return status_of(journal.record, environment, BEGIN)

    monkeypatch.setattr("takeoff.engine.status.look", look)
    monkeypatch.setattr("takeoff.engine.explaining.explain_now", why)
    read = SimpleNamespace(known=journal.record, known_entries=tuple(journal.entries))
    clock = SimpleNamespace(now=lambda: BEGIN)
    return SimpleNamespace(environment=environment, journal=read, clock=clock)


@pytest.fixture
def steps() -> HostSteps:
    silent = SimpleNamespace(info=lambda *_: None)
    return HostSteps(LogProgress(silent))  # type: ignore[arg-type]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_hosts_step_can_be_read_while_the_work_goes_on(
    variables: Variables, session: Any, steps: HostSteps
) -> None:
    async with mirrored_state.mirrored(session, steps):
        steps.host("web-01", "installing")
        await until(lambda: variables.host("web-01").get("step") == "installing")
        assert variables.host("web-01")["state"] == "drained"
        assert set(variables.written) == {"takeoff.hosts.lab"}, "the journal has not moved"


async def test_all_is_written_when_the_work_ends_also_badly(
    variables: Variables, session: Any, steps: HostSteps
) -> None:
    with pytest.raises(ValueError, match="the work failed"):
        async with mirrored_state.mirrored(session, steps):
            raise ValueError("the work failed")
    assert variables.written == ["takeoff.state.lab", "takeoff.why.lab", "takeoff.hosts.lab"]


async def test_whoever_moves_hosts_shows_that_it_lives_although_nothing_changes(
    variables: Variables, session: Any, steps: HostSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrored_state, "SIGN_OF_LIFE_S", 0.05)
    async with mirrored_state.mirrored(session, steps):
        steps.host("web-01", "installing")
        await until(lambda: len(variables.written) >= 3)


async def test_a_task_that_moves_no_host_writes_nothing_until_its_end(
    variables: Variables, session: Any, steps: HostSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrored_state, "SIGN_OF_LIFE_S", 0.01)
    async with mirrored_state.mirrored(session, steps):
        for _ in range(30):
            await asyncio.sleep(0.01)
        assert variables.written == []


async def test_a_mirror_that_cannot_be_written_fails_no_work(
    variables: Variables, session: Any, steps: HostSteps
) -> None:
    variables.broken = True
    async with mirrored_state.mirrored(session, steps):
        steps.host("web-01", "installing")
        await asyncio.sleep(0.05)
    assert variables.written == []


async def test_what_an_older_takeoff_wrote_and_nobody_understands_is_written_anew(
    variables: Variables, session: Any, steps: HostSteps
) -> None:
    variables.held["takeoff.hosts.lab"] = '{"hosts": 7}'
    async with mirrored_state.mirrored(session, steps):
        pass
    assert variables.host("web-01")["version"] == "17.0.0-ee.0"
