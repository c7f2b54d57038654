"""What the tests of the chat doors share: a chat server, and both doors over one recording Airflow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from takeoff.core.people_settings import Right
from tests.airflow.chat_servers import ChatServer, chat_server
from tests.web.chat_scene import ChatScene, make_environment

ALL = dict.fromkeys(Right, ("slack:U1", "mattermost:jane"))
"""Everything, for one person in Slack and one in Mattermost."""


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """Takes the answers."""
    with chat_server() as server:
        yield server


@pytest.fixture
def scene(server: ChatServer) -> ChatScene:
    """Both doors."""
    return ChatScene(make_environment(), ALL, server.url)


@pytest.fixture
def client(scene: ChatScene) -> TestClient:
    """Whoever knocks."""
    return TestClient(scene.app)
