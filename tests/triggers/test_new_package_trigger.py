"""The trigger that waits for a package: another triggerer can go on with it, and it ends in time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from airflow.sdk._shared.module_loading import import_string

from takeoff.triggers.new_package import NewPackageTrigger


def trigger(until: float) -> NewPackageTrigger:
    return NewPackageTrigger(environment="gstg", run="deploy_gstg/asset__1", until=until)


def test_another_triggerer_goes_on_with_it() -> None:
    path, values = trigger(1000.0).serialize()
    again = import_string(path)(**values)
    assert again.serialize() == (path, values)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment whose hosts and sources do not answer."""
    (tmp_path / "known_hosts").touch()
    text = yaml.safe_dump(
        {
            "name": "gstg",
            "package": {
                "name": "gitlab-ee",
                "sources": [{"type": "apt", "url": "http://127.0.0.1:1", "suites": ["jammy"], "keyring": "keyring"}],
                "index_poll": "0.1s",
            },
            "ssh": {"user": "takeoff", "known_hosts": "known_hosts", "connect_timeout": "1s"},
            "deploy_node": {"name": "deploy-01", "address": "127.0.0.1", "port": 1},
            "stages": [{"name": "main", "roles": {"web": ["web-01"]}}],
        }
    )
    file = tmp_path / "gstg.yml"
    file.write_text(text)
    monkeypatch.setenv("TAKEOFF_ENVIRONMENTS", str(tmp_path))
    return file


async def test_it_fires_with_nothing_when_the_time_is_over_whatever_goes_wrong(environment: Path) -> None:
    begun = time.monotonic()
    events = [event async for event in trigger(time.time() + 1).run()]
    assert [event.payload for event in events] == [""]
    assert 0.5 < time.monotonic() - begun < 10


async def test_it_fires_with_what_a_person_must_correct(environment: Path) -> None:
    environment.write_text(environment.read_text().replace("deploy_node", "deploy_nod"))
    (event,) = [event async for event in trigger(time.time() + 60).run()]
    assert "deploy_nod: no such key" in event.payload
