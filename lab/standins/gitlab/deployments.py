"""Deployments of a project (https://docs.gitlab.com/api/deployments/)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from lab.standins.gitlab.shapes import missing, now, page
from lab.standins.http_api import ApiError, Request, Response

STATUSES = ("created", "running", "success", "failed", "canceled", "blocked")
SETTABLE = ("running", "success", "failed", "canceled")


class Deployments:
    """The deployments that were recorded."""

    def __init__(self) -> None:
        self._deployments: dict[int, dict[str, Any]] = {}

    def routes(self) -> list[tuple[str, str, Callable[[Request], Response]]]:
        """Method, path below the project, handler."""
        one = "/deployments/(?P<deployment>\\d+)"
        return [
            ("GET", "/deployments", self._list),
            ("POST", "/deployments", self._create),
            ("GET", one, lambda request: Response(200, self._found(request))),
            ("PUT", one, self._update),
            # A deployment names a commit of the project; here every name is one.
            ("GET", "/repository/commits/(?P<ref>[^/]+)", _commit),
        ]

    def _list(self, request: Request) -> Response:
        found = list(self._deployments.values())
        if environment := request.first("environment"):
            found = [each for each in found if each["environment"]["name"] == environment]
        if status := request.first("status"):
            if status not in STATUSES:
                raise ApiError(400, {"error": "status does not have a valid value"})
            found = [each for each in found if each["status"] == status]
        order = request.first("order_by", "id")
        if order not in ("id", "iid", "created_at", "updated_at", "finished_at", "ref"):
            raise ApiError(400, {"error": "order_by does not have a valid value"})
        found.sort(key=lambda each: each[order] or "", reverse=request.first("sort", "asc") == "desc")
        return page(request, found)

    def _create(self, request: Request) -> Response:
        body = request.json()
        if lacking := [name for name in ("environment", "sha", "ref", "tag", "status") if name not in body]:
            raise ApiError(400, {"error": ", ".join(f"{name} is missing" for name in lacking)})
        if body["status"] not in SETTABLE:
            raise ApiError(400, {"error": "status does not have a valid value"})
        number = len(self._deployments) + 1
        deployment = {
            "id": number,
            "iid": number,
            "ref": body["ref"],
            "sha": body["sha"],
            "tag": body["tag"],
            "status": body["status"],
            "created_at": now(),
            "updated_at": now(),
            "finished_at": now() if body["status"] != "running" else None,
            "user": {"id": 1, "username": "takeoff"},
            "environment": {"id": 1, "name": body["environment"]},
            "deployable": None,
        }
        self._deployments[number] = deployment
        return Response(201, deployment)

    def _update(self, request: Request) -> Response:
        deployment, status = self._found(request), request.json().get("status")
        if status not in SETTABLE:
            raise ApiError(400, {"error": "status does not have a valid value"})
        if status == deployment["status"]:
            raise ApiError(400, {"message": {"status": [f"Cannot transition status via :{status} from :{status}"]}})
        deployment.update(status=status, updated_at=now(), finished_at=now() if status != "running" else None)
        return Response(200, deployment)

    def _found(self, request: Request) -> dict[str, Any]:
        deployment = self._deployments.get(int(request.match["deployment"]))
        if deployment is None:
            raise missing()
        return deployment


def _commit(request: Request) -> Response:
    """https://docs.gitlab.com/api/commits/#get-a-single-commit."""
    sha = hashlib.sha1(request.match["ref"].encode(), usedforsecurity=False).hexdigest()
    return Response(200, {"id": sha, "short_id": sha[:8], "title": "Smoke tests", "created_at": now()})
