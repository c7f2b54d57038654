"""Registers Takeoff's web side with Airflow; every task process loads this file, so it imports nothing heavy."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class TakeoffPlugin(AirflowPlugin):
    """What Airflow mounts."""

    name = "takeoff"
