"""Who acts for an operation: names of drivers."""

from __future__ import annotations

import os
import secrets
import socket

from takeoff.core.operation import Driver


def new_driver(task: str, by: str, *, asked: bool = True) -> Driver:
    """Name this process as the driver of a task, unlike every other one.

    Args:
        task: id of the task it carries out.
        by: who asked for it: Airflow user, chat user, or ``user@machine``.
        asked: whether a person asked for this try; Airflow's own retries are not asked for.
    """
    return Driver(name=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}", task=task, by=by, asked=asked)
