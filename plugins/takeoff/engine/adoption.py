"""The first use of an environment: what is installed is where its record begins."""

from __future__ import annotations

from takeoff.core.record import Record
from takeoff.engine.session import Session


async def adopt(session: Session, *, by: str) -> Record:
    """Read what every host has installed and begin the journal with it.

    Raises:
        Refused: the environment is adopted already, the hosts do not all run one version, or a host knows of
            another journal.
        HostUnreachable: a host gives no answer.
    """
    raise NotImplementedError
