"""What the engine's tests share: real package repositories."""

from tests.clients.conftest import archive, build, keys, web
from tests.fleet.conftest import environment

__all__ = ["archive", "build", "environment", "keys", "web"]
