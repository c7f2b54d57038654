"""The environment's status and its hosts as Airflow Variables: what the web side shows, which holds no SSH keys."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.sdk import Variable
from pydantic import ValidationError

from takeoff.core.dag_names import hosts_variable, state_variable, why_variable
from takeoff.core.fleet_progress import FleetProgress, fleet_progress

if TYPE_CHECKING:
    from pydantic import BaseModel

    from takeoff.engine.session import Session
    from takeoff.operators.host_steps import HostSteps

log = logging.getLogger(__name__)


LOOK_S = 1.0
"""Seconds between two looks whether this process has brought the journal or a host further."""

SIGN_OF_LIFE_S = 30.0
"""Seconds after which the hosts are written again although nothing has changed: their age tells that a driver lives."""


@asynccontextmanager
async def mirrored(session: Session, steps: HostSteps) -> AsyncIterator[None]:
    """Bring the mirror up to date whenever the work inside has brought journal or hosts further, and at its end."""
    mirror = _Mirror(session, steps)
    keeping = asyncio.create_task(mirror.keep())
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        if session.journal.known.seq:  # Otherwise the journal could not be read, and asking again would only cost time.
            await mirror.write_all()


class _Mirror:
    """Writes; failing to do so never fails a task: the web side tells how old what it shows is."""

    def __init__(self, session: Session, steps: HostSteps) -> None:
        self._session = session
        self._steps = steps
        self._name = session.environment.name
        self._before: FleetProgress | None = None

    async def keep(self) -> None:
        seq, changes, written = self._session.journal.known.seq, 0, time.monotonic()
        while True:
            await asyncio.sleep(LOOK_S)
            if self._session.journal.known.seq != seq:
                seq, changes, written = self._session.journal.known.seq, self._steps.changes, time.monotonic()
                await self.write_all()
            elif self._steps.changes != changes or (changes and time.monotonic() - written >= SIGN_OF_LIFE_S):
                changes, written = self._steps.changes, time.monotonic()
                await self.write_hosts()

    async def write_all(self) -> None:
        """Write what the journal says now, read anew, and the hosts."""
        from takeoff.engine.explaining import explain_now
        from takeoff.engine.status import look

        try:
            await _set(state_variable(self._name), await look(self._session, hosts=False))
            await _set(why_variable(self._name), await explain_now(self._session, packages=False))
        except Exception as error:
            log.warning("The status shown on the web was not brought up to date: %s", error)
        await self.write_hosts()

    async def write_hosts(self) -> None:
        """Write how far each host is, as far as this process knows."""
        from takeoff.core.host_history import hosts_of

        journal, environment = self._session.journal, self._session.environment
        try:
            if self._before is None:
                self._before = await _written(hosts_variable(self._name), environment.name)
            hosts = hosts_of(journal.known_entries, environment)
            now = self._session.clock.now()
            found = fleet_progress(journal.known, hosts, environment, self._steps.steps, now, self._before)
            await _set(hosts_variable(self._name), found)
        except Exception as error:
            log.warning("The hosts shown on the web were not brought up to date: %s", error)


async def _set(variable: str, found: BaseModel) -> None:
    text = found.model_dump_json()
    await asyncio.to_thread(Variable.set, variable, text, "Written by Takeoff's tasks; read only.")


async def _written(variable: str, environment: str) -> FleetProgress:
    """Read what was written last; an empty one if nothing was, or nothing that is understood."""
    text = await asyncio.to_thread(Variable.get, variable, default="")
    with suppress(ValidationError):
        if text:
            return FleetProgress.model_validate_json(text)
    return FleetProgress(environment=environment, at=datetime.min.replace(tzinfo=UTC))
