"""Waits in the triggerer until a QA pipeline is worth a look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from takeoff.triggers.settling import settle


class QaPipelineTrigger(BaseTrigger):
    """Fires once, when the pipeline moves no more or the time is over; the task then looks itself and judges.

    Args:
        environment: name of the environment, whose file says where GitLab is.
        pipeline: number of the pipeline.
        until: POSIX time at which waiting ends.
    """

    def __init__(self, *, environment: str, pipeline: int, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.environment = environment
        self.pipeline = pipeline
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Say how another triggerer goes on with it."""
        names = ("environment", "pipeline", "until")
        return f"{__name__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait."""
        from takeoff.clients.gitlab import GitlabProject
        from takeoff.core.errors import TakeoffError
        from takeoff.engine.qa import qa_settings, until_ended
        from takeoff.environment_files import load_environment
        from takeoff.fleet.clock import SystemClock
        from takeoff.operators.credentials import awaited_http_access

        clock = SystemClock()
        await settle()
        try:
            settings = qa_settings(load_environment(self.environment).environment)
            access = await awaited_http_access(settings.connection, settings.url, "qa.connection")
            project = GitlabProject(access.base_url, settings.project, access.token, access.session)
            left = max(0.0, self.until - clock.now().timestamp())
            await until_ended(project, self.pipeline, clock, poll_s=settings.poll.total_seconds(), timeout_s=left)
        except TakeoffError as error:
            # The task meets the same when it looks, and tells it.
            self.log.warning("Waiting for QA pipeline %d ends: %s", self.pipeline, error)
        yield TriggerEvent(None)  # type: ignore[no-untyped-call]
