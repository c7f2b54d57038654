"""The pause with which every wait begins."""

from __future__ import annotations

import asyncio

SETTLING_S = 3.0
"""Seconds: longer than Airflow takes to end the process of a task that has deferred, at the heartbeat interval that
the compose file and the lab set."""


async def settle() -> None:
    """Let Airflow take note that the task has deferred before the trigger may fire.

    A trigger that fires at once has its task queued again while the scheduler still waits for the end of the process
    that deferred. That end is then taken for the new try's, which is killed as "changed externally"
    (``scheduler_job_runner.py``, ``process_executor_events``: both have the same key).
    """
    await asyncio.sleep(SETTLING_S)
