"""Keeps a trigger from firing while the worker that deferred to it may still be about to end.

Airflow 3.3 takes the late news of that worker's end for the end of the task that goes on by then, and fails it
(github.com/apache/airflow/issues/72716). A supervisor notices its worker's end within
``[workers] min_heartbeat_interval``.
"""

from __future__ import annotations

import asyncio
import time

from airflow.sdk import conf

SCHEDULER_S = 3.0
"""Seconds for the scheduler to hear of it."""


async def worker_gone(since: float) -> None:
    """Let the worker end.

    Args:
        since: when the trigger began, by :func:`time.monotonic`.
    """
    shortest = conf.getfloat("workers", "min_heartbeat_interval") + SCHEDULER_S
    await asyncio.sleep(max(0.0, since + shortest - time.monotonic()))
