"""The pause of automatic deploys: an entry in the journal, with an expiry if wanted."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from takeoff.core.errors import ConfigError
from takeoff.core.journal_entries import HoldLifted, HoldSet
from takeoff.core.record import Record
from takeoff.engine.journal_entry import decide, known_record
from takeoff.engine.session import Session

StopAfter = Literal["", "host", "batch"]


async def pause(
    session: Session, *, by: str, reason: str, lasting: timedelta | None = None, stop_after: StopAfter = ""
) -> Record:
    """Hold automatic deploys; a hold that stands already is replaced, so that its reason and expiry are the last given.

    Args:
        session: the environment.
        by: who.
        reason: why, in their words.
        lasting: until it lifts itself; for ever if None.
        stop_after: stop the open operation too, once the hosts in flight or those of the batch are finished; without
            it that goes on. It does not stop operations that open later, such as a rollback.

    Raises:
        ConfigError: no reason is given.
        Refused: there is no journal yet.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    if not reason.strip():
        raise ConfigError("a pause needs a reason: whoever meets it must know what it waits for")
    await known_record(session, f"pause {session.environment.name}")
    until = session.clock.now() + lasting if lasting is not None else None
    return await decide(session, lambda record: [HoldSet(reason=reason, until=until, stop_after=stop_after)], by=by)


async def resume(session: Session, *, by: str, reason: str = "") -> Record:
    """Lift the hold; without one nothing is written.

    Raises:
        Refused: there is no journal yet.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    await known_record(session, f"resume {session.environment.name}")
    return await decide(session, lambda record: [HoldLifted(reason=reason)] if record.hold else [], by=by)
