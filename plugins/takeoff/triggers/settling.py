"""The pause with which every wait begins."""

from __future__ import annotations

import asyncio

from airflow.sdk import conf

MARGIN_S = 2.0
"""Seconds for the scheduler to hear that a process has ended."""


async def settle() -> None:
    """Let Airflow take note that the task has deferred before the trigger may fire.

    A trigger that fires at once has its task queued again while the scheduler still waits for the end of the process
    that deferred. That end is then taken for the new try's, which is killed as "changed externally"
    (github.com/apache/airflow/issues/72716). A process's end is noticed within the workers' shortest heartbeat
    interval, 5 s unless set.
    """
    await asyncio.sleep(conf.getfloat("workers", "min_heartbeat_interval") + MARGIN_S)
