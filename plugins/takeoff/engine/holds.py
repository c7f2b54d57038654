"""The pause of automatic deploys: an entry in the journal, with an expiry if wanted."""

from __future__ import annotations

from datetime import timedelta

from takeoff.core.record import Record
from takeoff.engine.session import Session


async def pause(session: Session, *, by: str, reason: str, lasting: timedelta | None = None) -> Record:
    """Hold automatic deploys; a hold that stands already is replaced, so that its reason and expiry are the last given.

    Args:
        session: the environment.
        by: who.
        reason: why, in their words.
        lasting: until it lifts itself; for ever if None.
    """
    raise NotImplementedError


async def resume(session: Session, *, by: str, reason: str = "") -> Record:
    """Lift the hold; without one nothing is written."""
    raise NotImplementedError
