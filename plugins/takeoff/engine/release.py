"""Giving a lease back by hand, when the operation that holds it will not be finished."""

from __future__ import annotations

from takeoff.core.record import Record
from takeoff.engine.session import Session


async def release_lease(session: Session, *, by: str, reason: str) -> Record:
    """Close the open operation as released; its drivers are refused from then on.

    Raises:
        Refused: no operation is open, or its post-deploy migration is running.
    """
    raise NotImplementedError
