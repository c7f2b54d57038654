"""Post-deploy migrations as an operation of their own: a point of no return, only after a person's yes."""

from __future__ import annotations

from takeoff.core.operation import Driver, Stored
from takeoff.engine.opening import DeployRequest
from takeoff.engine.session import Session
from takeoff.engine.tasks import TaskResult


class PostDeployOutlook(Stored):
    """What a person is asked to allow.

    Attributes:
        version: the version whose migrations are pending.
        names: the pending migrations, oldest first; empty if nothing is pending.
        unreachable_after: versions deployed before that a rollback will no longer reach.
    """

    version: str
    names: tuple[str, ...]
    unreachable_after: tuple[str, ...]


async def post_deploy_outlook(session: Session) -> PostDeployOutlook:
    """Read from the journal what is pending, and what running it burns."""
    raise NotImplementedError


async def run_post_deploy(session: Session, request: DeployRequest, driver: Driver) -> TaskResult:
    """Open a post-deploy operation (or go on with the open one of this run), run what is pending, close it.

    Args:
        session: the environment.
        request: its ``version`` must be the deployed one; an empty one means that.
        driver: this process.

    Returns:
        ``nothing is pending`` in its summary if so: nothing was opened.

    Raises:
        LeaseHeld: another operation is open.
        Refused: the fleet is not all on that version and healthy, a host is left behind, or a newer version is
            deployed (``superseded``).
        MigrationFailed: the operation stays open; a person must look.
    """
    raise NotImplementedError
