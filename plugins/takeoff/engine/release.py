"""Giving a lease back by hand, when the operation that holds it will not be finished."""

from __future__ import annotations

from takeoff.core.errors import ConfigError, Refused
from takeoff.core.journal_entries import Overridden
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.record import Record
from takeoff.core.rollback_refusals import MIGRATING
from takeoff.core.verdict import migrating_since
from takeoff.engine.drivers import new_driver
from takeoff.engine.journal_entry import known_record
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.session import Session

RELEASE = "lease_release"
"""Name of the override in the journal."""


async def release_lease(session: Session, *, by: str, reason: str) -> Record:
    """Close the open operation as released; its drivers are refused from then on, by the hosts too.

    Raises:
        ConfigError: no reason is given.
        Refused: no operation is open, or its post-deploy migration is running.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    if not reason.strip():
        raise ConfigError("releasing a lease needs a reason: the fleet may be left mixed")
    name = session.environment.name
    record = await known_record(session, f"release the lease of {name}")
    holder = record.open_operation
    if holder is None:
        raise Refused("lease", f"no operation of {name} is open: there is nothing to release")
    if (since := migrating_since(holder)) is not None:
        of = holder.details.version if holder.details.kind is OperationKind.POST_DEPLOY else record.deployed_version
        raise Refused(
            MIGRATING,
            f"{holder.details.id} runs post-deploy migrations of {of} since {since:%Y-%m-%d %H:%M} UTC: wait until "
            "they have ended; if its process died, run that task, or the same command, again: it finds them",
        )
    part = await OperationPart.join(session, holder.details.id, new_driver(RELEASE, by))
    await part.announce()
    bodies = (Overridden(name=RELEASE, reason=reason),)
    return await session.leases.close(part.lease, Outcome.RELEASED, by=by, bodies=bodies)
