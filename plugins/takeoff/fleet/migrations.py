"""Database migrations: only on the blessed node, never two at once, post-deploy ones apart."""

from __future__ import annotations

from takeoff.core.operation import Lease
from takeoff.fleet.fleet import Fleet


async def migrate(fleet: Fleet, lease: Lease) -> tuple[str, ...]:
    """Install the operation's package on the blessed node and run the regular migrations there.

    Returns:
        The post-deploy migrations that are pending now, oldest first, as ``<number> <name>``.

    Raises:
        MigrationFailed: a migration failed; its message has the log's decisive lines. A person must look.
        CommandFailed: the install failed.
        JobLost: the node was rebooted, or the job killed, in the middle; a person must look.
        Superseded: another driver or operation has taken over.
    """
    raise NotImplementedError


async def pending(fleet: Fleet) -> tuple[str, ...]:
    """List the migrations that have not run, oldest first, as ``<number> <name>``; changes nothing.

    Raises:
        CommandFailed: the status command failed.
        CheckFailed: its output cannot be read: unknown is not good.
    """
    raise NotImplementedError


async def migrate_post_deploy(fleet: Fleet, lease: Lease) -> tuple[str, ...]:
    """Run the pending post-deploy migrations on the blessed node.

    The caller has a person's yes, has looked that every host runs that version, and has journalled the point of no
    return.

    Returns:
        What ran.

    Raises:
        MigrationFailed: a migration failed, or some are pending still. A person must look.
        Superseded: another driver or operation has taken over.
    """
    raise NotImplementedError


async def reinstall_blessed_node(fleet: Fleet, lease: Lease) -> str:
    """Put the operation's (older) package on the blessed node, at the end of a rollback, without any migration.

    Returns:
        What was done, in one line.
    """
    raise NotImplementedError
