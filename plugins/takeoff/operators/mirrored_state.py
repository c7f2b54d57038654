"""The environment's status as an Airflow Variable: what the web side shows, which holds no SSH keys."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from airflow.sdk import Variable

from takeoff.core.dag_names import state_variable

if TYPE_CHECKING:
    from takeoff.engine.session import Session

log = logging.getLogger(__name__)


async def mirror_state(session: Session) -> None:
    """Write what the journal says now; failing to do so never fails a task, and the web side tells the status's age."""
    from takeoff.engine.status import look

    try:
        status = await look(session, hosts=False)
        name = state_variable(session.environment.name)
        await asyncio.to_thread(Variable.set, name, status.model_dump_json(), "Written by Takeoff's tasks; read only.")
    except Exception as error:
        log.warning("The status shown on the web was not brought up to date: %s", error)
