"""What the engine's tests share: real package repositories."""

from tests.clients.conftest import archive, build, keys, web

__all__ = ["archive", "build", "keys", "web"]
