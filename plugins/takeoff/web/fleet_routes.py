"""``GET /takeoff/``: the fleet as JSON, and the page's own files; both for users that Airflow knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import FileResponse

from takeoff.core.dag_names import deploy_dag
from takeoff.core.fleet_view import FleetView, Mirrored, environment_view
from takeoff.web.airflow_users import GetUserDep, MayRead, get_user, may_read_dag

PAGE = Path(__file__).parent / "fleet_page"
"""ES modules as the browser gets them: there is no build step."""

PAGE_FILES = frozenset(file.name for file in PAGE.glob("*.js"))


def fleet_routes(
    mirrored: Callable[[], Mapping[str, Mirrored]],
    may_read: MayRead = may_read_dag,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """Make the routes.

    Args:
        mirrored: gives what is known of each environment; it may block.
        may_read: asks whether a user may read a DAG.
        now: gives the time of day, in UTC.
    """
    router = APIRouter()

    @router.get("/")
    def fleet(request: Request, user: GetUserDep) -> FleetView:
        known = mirrored()
        readable = [name for name in known if may_read(request, user, deploy_dag(name))]
        if known and not readable:
            raise HTTPException(HTTPStatus.FORBIDDEN, "You may read the deploy DAG of no environment.")
        moment = now()
        return FleetView(
            now=moment, environments=tuple(environment_view(name, known[name], moment) for name in readable)
        )

    @router.get("/page/{name}", dependencies=[Depends(get_user)])
    def page_file(name: str) -> FileResponse:
        if name not in PAGE_FILES:
            raise HTTPException(HTTPStatus.NOT_FOUND, "The page has no such file.")
        # Without a build there is no new name for a new version: the browser asks each time.
        return FileResponse(PAGE / name, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    return router
