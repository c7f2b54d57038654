"""``GET /takeoff/metrics`` for Prometheus, which is no user of Airflow and brings a token of its own."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from takeoff.core.fleet_view import Mirrored
from takeoff.web.metrics_text import metrics_text


def metrics_route(
    mirrored: Callable[[], Mapping[str, Mirrored]],
    tokens: Callable[[], Sequence[str]],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """Make the route.

    Args:
        mirrored: gives what is known of each environment; it may block.
        tokens: gives the tokens that are let in, none if nobody is; it may block.
        now: gives the time of day, in UTC.
    """
    router = APIRouter()

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        if not _is_let_in(request.headers.get("authorization", ""), tokens()):
            challenge = {"WWW-Authenticate": 'Bearer realm="takeoff metrics"'}
            return Response("A bearer token is needed.\n", HTTPStatus.UNAUTHORIZED, challenge, "text/plain")
        return Response(metrics_text(mirrored(), now()), media_type=CONTENT_TYPE_LATEST)

    return router


def _is_let_in(authorization: str, tokens: Sequence[str]) -> bool:
    """Compare with every token, each in the same time whatever is given."""
    scheme, _, given = authorization.partition(" ")
    equal = [hmac.compare_digest(given.strip().encode(), token.encode()) for token in tokens]
    return scheme.lower() == "bearer" and any(equal)
