"""The environment's status as an Airflow Variable: what the web side shows, which holds no SSH keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from airflow.sdk import Variable

from takeoff.core.dag_names import state_variable, why_variable

if TYPE_CHECKING:
    from takeoff.engine.session import Session

log = logging.getLogger(__name__)


LOOK_S = 1.0
"""Seconds between two looks whether this process has brought the journal further."""


@asynccontextmanager
async def mirrored(session: Session) -> AsyncIterator[None]:
    """Bring the mirror up to date whenever the work inside has brought the journal further, and at its end."""
    keeping = asyncio.create_task(_keep(session))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        if session.journal.known.seq:  # Otherwise the journal could not be read, and asking again would only cost time.
            await _mirror(session)


async def _keep(session: Session) -> None:
    seen = session.journal.known.seq
    while True:
        await asyncio.sleep(LOOK_S)
        if session.journal.known.seq != seen:
            seen = session.journal.known.seq
            await _mirror(session)


async def _mirror(session: Session) -> None:
    """Write what the journal says now; failing to do so never fails a task: the web side tells the status's age."""
    from takeoff.engine.explaining import explain_now
    from takeoff.engine.status import look

    name = session.environment.name
    try:
        status, why = await look(session, hosts=False), await explain_now(session, packages=False)
        for variable, found in ((state_variable(name), status), (why_variable(name), why)):
            text = found.model_dump_json()
            await asyncio.to_thread(Variable.set, variable, text, "Written by Takeoff's tasks; read only.")
    except Exception as error:
        log.warning("The status shown on the web was not brought up to date: %s", error)
