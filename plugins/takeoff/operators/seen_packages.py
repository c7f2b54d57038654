"""The versions that a task has seen in the package sources, as an Airflow Variable: chat completes versions with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from airflow.sdk import Variable

from takeoff.core.dag_names import packages_variable
from takeoff.core.known_packages import KnownPackages

if TYPE_CHECKING:
    from takeoff.engine.session import Session

log = logging.getLogger(__name__)


@asynccontextmanager
async def packages_mirrored(session: Session) -> AsyncIterator[None]:
    """Write what the work inside has seen of the sources; failing to do so never fails a task."""
    try:
        yield
    finally:
        if session.seen_versions:
            name = session.environment.name
            known = KnownPackages(
                environment=name, looked_at=session.clock.now(), versions=tuple(sorted(session.seen_versions))
            )
            try:
                text = known.model_dump_json()
                await asyncio.to_thread(
                    Variable.set, packages_variable(name), text, "Written by Takeoff's tasks; read only."
                )
            except Exception as error:
                log.warning("What the package sources hold is not known to chat: %s", error)
