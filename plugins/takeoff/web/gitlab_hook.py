"""``POST /takeoff-hooks/gitlab``: GitLab tells that a pipeline has ended, and the environment's asset rings.

The event is a doorbell: it may be lost, come twice, early, or be answered too late; the repository is the truth. So the
answer does not wait for the bell.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter, BackgroundTasks, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from takeoff.core.package_settings import PipelineHook
from takeoff.core.pipeline_event import NoEvent, PipelineEvent
from takeoff.core.webhook_signature import HookSecrets
from takeoff.web.request_body import media_type, read_body

BODY_LIMIT = 4 << 20
"""Bytes of an event; a pipeline of 1,000 jobs has about 1 MB."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EnvironmentHook:
    """The webhook of one environment.

    Attributes:
        environment: its name.
        settings: which events ring.
        secrets: what the sender must know.
    """

    environment: str
    settings: PipelineHook
    secrets: HookSecrets


Ring = Callable[[str, Mapping[str, str | int]], None]
"""Rings for an environment's name, with what is told beside; it may block and must not raise."""


def gitlab_hook(
    hooks: Callable[[], Sequence[EnvironmentHook]],
    ring: Ring,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> APIRouter:
    """Make the route.

    Args:
        hooks: gives the webhooks of all environments; it may block.
        ring: called after the answer.
        now: gives the time of day, in UTC.
    """
    router = APIRouter()

    @router.post("/gitlab")
    async def receive(request: Request, background: BackgroundTasks) -> JSONResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if media_type(headers) != "application/json":
            return _told(415, "only application/json is understood")
        known = await run_in_threadpool(hooks)
        possible = [one for one in known if one.secrets.allow_unread(headers)]
        if not possible:
            return _told(401, "unknown token or signature")
        body = await read_body(request, BODY_LIMIT)
        if body is None:
            return _told(413, f"more than {BODY_LIMIT} bytes")
        allowed = [one for one in possible if one.secrets.allow(headers, body, now())]
        if not allowed:
            return _told(401, "unknown token or signature")
        try:
            event = PipelineEvent.parse(body)
        except NoEvent as error:
            return _told(400, str(error))
        refusals = {one.environment: event.refusal(one.settings) for one in allowed}
        rung = [name for name, refusal in refusals.items() if refusal is None]
        for name in rung:
            background.add_task(ring, name, event.extra)
        ignored = {name: refusal for name, refusal in refusals.items() if refusal is not None}
        log.info(
            "Pipeline %s rings for %s; ignored: %s", event.object_attributes.id, rung or "nobody", ignored or "none"
        )
        return JSONResponse({"rings": rung, "ignored": ignored}, 202 if rung else 200, background=background)

    return router


def _told(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
