"""What is mounted at ``/takeoff-hooks``: routes that other systems call, each of which checks who calls by itself."""

from __future__ import annotations

from fastapi import FastAPI

from takeoff.web.environment_hooks import EnvironmentHooks, ring
from takeoff.web.gitlab_hook import gitlab_hook


def make_hooks_app() -> FastAPI:
    """Make the application."""
    app = FastAPI(title="Takeoff: hooks", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(gitlab_hook(EnvironmentHooks(), ring))
    return app
