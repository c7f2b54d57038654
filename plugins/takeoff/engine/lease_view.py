"""Who holds the right to change an environment."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from takeoff.core.operation import OperationKind, Stored
from takeoff.engine.session import Session
from takeoff.fleet.lease import held_by


class LeaseView(Stored):
    """What ``takeoff lease --json`` prints.

    Attributes:
        schema_version: of this form; keys are only ever added within one.
        environment: its name.
        authority: id of the journal that gives leases; empty before ``takeoff adopt``.
        authority_host: the host that keeps it.
        epoch: of the newest driver.
        operation: id of the operation that holds the lease; empty if it is free.
        kind: what that operation does.
        version: where it leads.
        driver: who drives it.
        since: when it opened.
        sentence: all of it for people.
    """

    schema_version: Literal[1] = 1
    environment: str
    authority: str
    authority_host: str
    epoch: int
    operation: str = ""
    kind: OperationKind | None = None
    version: str = ""
    driver: str = ""
    since: datetime | None = None
    sentence: str


async def view_lease(session: Session) -> LeaseView:
    """Read from the journal who holds the lease.

    Raises:
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    record, name = await session.journal.read(), session.environment.name
    free = f"{name} is free" if record.authority else f"{name} is not adopted yet: `takeoff adopt {name}`"
    view = LeaseView(
        environment=name,
        authority=record.authority,
        authority_host=session.environment.deploy_node.name,
        epoch=record.epoch,
        sentence=free,
    )
    if (holder := record.open_operation) is None:
        return view
    details = holder.details
    return view.model_copy(
        update={
            "operation": details.id,
            "kind": details.kind,
            "version": details.version,
            "driver": holder.driver.name,
            "since": details.opened_at,
            "sentence": held_by(holder),
        }
    )
