"""What is mounted at ``/takeoff``: the fleet page for Airflow's users, metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from fastapi import FastAPI

from takeoff.core.fleet_view import Mirrored
from takeoff.web.chat_connections import known_environments
from takeoff.web.fleet_routes import fleet_routes
from takeoff.web.fresh_value import FreshValue
from takeoff.web.metrics_route import metrics_route
from takeoff.web.mirrored_environments import mirrored_environments

METRICS = "takeoff_metrics"
"""Airflow connection whose password is the token of ``/takeoff/metrics``, or several by spaces."""

MIRROR_FRESH_S = 2.0
"""Seconds for which what tasks wrote is not read again, however many pages are open."""


def make_takeoff_app() -> FastAPI:
    """Make the application."""
    app = FastAPI(title="Takeoff", docs_url=None, redoc_url=None, openapi_url=None)
    environments = FreshValue(known_environments)

    def read() -> Mapping[str, Mirrored]:
        return mirrored_environments(environments())

    mirrored = FreshValue(read, MIRROR_FRESH_S)
    app.include_router(fleet_routes(mirrored))
    app.include_router(metrics_route(mirrored, FreshValue(_metrics_tokens)))
    return app


def _metrics_tokens() -> tuple[str, ...]:
    """Read the tokens; without the connection nobody is let in."""
    try:
        return tuple((BaseHook.get_connection(METRICS).password or "").split())
    except AirflowNotFoundException:
        return ()
