"""Who asks, and what Airflow lets them read: the one place that uses Airflow's own checks of its API's users.

Airflow does not check who calls an application that a plugin mounts (apache/airflow#72655); these checks do.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from fastapi import HTTPException, Request

__all__ = ["BaseUser", "GetUserDep", "MayRead", "get_user", "may_read_dag"]

MayRead = Callable[[Request, BaseUser, str], bool]
"""Whether the user of a request may read the DAG of that id."""


def may_read_dag(request: Request, user: BaseUser, dag_id: str) -> bool:
    """Ask Airflow whether a user may read a DAG; it may block on Airflow's database."""
    try:
        requires_access_dag("GET", param_dag_id=dag_id)(request, user)
    except HTTPException as refusal:
        if refusal.status_code == HTTPStatus.FORBIDDEN:
            return False
        raise
    return True
