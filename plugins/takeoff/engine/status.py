"""What an environment is doing now: the journal's record, and the hosts looked at."""

from __future__ import annotations

from takeoff.core.environment_status import EnvironmentStatus
from takeoff.engine.session import Session


async def look(session: Session, *, hosts: bool = True) -> EnvironmentStatus:
    """Read the journal and, if wanted, every host's installed version and its state in the balancers.

    Raises:
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    raise NotImplementedError
