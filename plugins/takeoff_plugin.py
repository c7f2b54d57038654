"""Registers Takeoff's web side with Airflow; every task process loads this file, so it imports nothing heavy."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class TakeoffPlugin(AirflowPlugin):
    """What Airflow mounts; only its API server asks for it."""

    name = "takeoff"

    react_apps = [
        {
            "name": "Fleet",
            "bundle_url": "takeoff/page/fleet.js",
            "url_route": "fleet",
            "destination": "nav",
            "nav_top_level": True,
        }
    ]

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Applications with their prefixes."""
        from takeoff.web.hooks_app import make_hooks_app
        from takeoff.web.takeoff_app import make_takeoff_app

        return [
            {"app": make_takeoff_app(), "url_prefix": "/takeoff", "name": "Takeoff"},
            {"app": make_hooks_app(), "url_prefix": "/takeoff-hooks", "name": "Takeoff hooks"},
        ]
