"""Database migrations: only on the blessed node, never two at once, post-deploy ones apart."""

from __future__ import annotations

import math
from collections import deque

from takeoff.core.errors import CheckFailed, CommandFailed, JobLost, MigrationFailed
from takeoff.core.migration_log import decisive_lines, pending_migrations
from takeoff.core.operation import Lease
from takeoff.fleet.commands.command import HostCommand
from takeoff.fleet.commands.migration_commands import migration_status, post_deploy_migrations, regular_migrations
from takeoff.fleet.commands.package_commands import install_package
from takeoff.fleet.fleet import Fleet
from takeoff.fleet.host_jobs import JobPlace
from takeoff.fleet.migration_progress import MigrationProgress

INSTALL, REGULAR, POST_DEPLOY = "install", "migrations", "post-deploy-migrations"
"""Names of the host jobs."""

_ADVICE = "look at it on the node before the task is cleared: a failed migration is never run again by itself"

_LOG_LINES = 2000
"""Last lines of a migration's log that are searched for its cause."""


async def migrate(
    fleet: Fleet, lease: Lease, *, attempt: int | None = None, stay_s: float = math.inf
) -> tuple[str, ...]:
    """Install the operation's package on the blessed node and run the regular migrations there.

    Safe to run again: an install or a migration that runs is attached to, one that succeeded is found done.

    Args:
        fleet: the environment.
        lease: the right to change it.
        attempt: insist on this attempt of the migrations, so that one that failed is not begun again by itself; the
            caller counts failures in the journal. Without it a failed one is begun again by the next call.
        stay_s: seconds that this call stays for migrations that run.

    Returns:
        The post-deploy migrations that are pending now, oldest first, as ``<number> <name>``.

    Raises:
        MigrationFailed: a migration failed; its message has the log's decisive lines. A person must look.
        CommandFailed: the install failed.
        JobLost: the node was rebooted, or the job killed, in the middle; a person must look.
        JobGoesOn: they run still after ``stay_s``; :func:`follow_migrations` watches them, the same call ends them.
        Superseded: another driver or operation has taken over.
    """
    await install_on_blessed_node(fleet, lease)
    await _run_migrations(fleet, lease, REGULAR, regular_migrations(fleet.environment), attempt, stay_s)
    return await pending(fleet)


async def pending(fleet: Fleet) -> tuple[str, ...]:
    """List the migrations that have not run, oldest first, as ``<number> <name>``; changes nothing.

    Raises:
        CommandFailed: the status command failed.
        CheckFailed: its output cannot be read: unknown is not good.
    """
    host, command = fleet.environment.deploy_node.name, migration_status(fleet.environment)
    done = await fleet.transport.run(host, command.script, command.arguments, timeout_s=command.timeout_s)
    if done.exit_status != 0:
        raise CommandFailed(host, command.describe, done.exit_status, done.error_text or done.text)
    names = pending_migrations(done.text)
    if names is None:
        raise CheckFailed(
            f"{host}: `{command.describe}` lists no migration at all, so nothing is known of what is pending; it said "
            f"{done.text.strip()[:200]!r}: look at it there, or correct migrations.status in the environment file"
        )
    return names


async def migrate_post_deploy(
    fleet: Fleet, lease: Lease, *, attempt: int | None = None, stay_s: float = math.inf
) -> tuple[str, ...]:
    """Run the pending post-deploy migrations on the blessed node.

    The caller has a person's yes, has looked that every host runs that version, and has journalled the point of no
    return.

    Args:
        fleet: the environment.
        lease: the right to change it.
        attempt: as for :func:`migrate`.
        stay_s: as for :func:`migrate`.

    Returns:
        What was pending before this call, oldest first; empty when an earlier call had run it.

    Raises:
        MigrationFailed: a migration failed. A person must look.
        CheckFailed: the command ended well, and some are pending still.
        JobGoesOn: as for :func:`migrate`.
        JobLost: the node was rebooted, or the job killed, in the middle; a person must look.
        Superseded: another driver or operation has taken over.
    """
    before = await pending(fleet)
    command = post_deploy_migrations(fleet.environment)
    await _run_migrations(fleet, lease, POST_DEPLOY, command, attempt, stay_s)
    if left := await pending(fleet):
        raise CheckFailed(
            f"{fleet.environment.deploy_node.name}: {command.describe} ended well, but {len(left)} migrations are "
            f"pending still ({', '.join(left)}): look at them there before the task is tried again"
        )
    return before


async def install_on_blessed_node(fleet: Fleet, lease: Lease, *, rollback: bool = False) -> str:
    """Install the operation's package on the blessed node and nothing else: no reconfigure, no migration.

    At the end of a rollback this is all that is done there: reconfigure is left to the next deploy, because it would
    migrate where ``auto_migrate`` is on.

    Returns:
        What was done, in one line.

    Raises:
        CommandFailed: the install failed.
        Superseded: another driver or operation has taken over.
    """
    host = fleet.environment.deploy_node.name
    command = install_package(fleet.environment, lease.operation, rollback=rollback)
    fleet.progress.host(host, "installing")
    done = await fleet.jobs.run(
        lease,
        host,
        INSTALL,
        command.script,
        arguments=command.arguments,
        timeout_s=command.timeout_s,
        describe=command.describe,
    )
    fleet.progress.host(host, "installed", lease.operation.version)
    return f"{lease.operation.version} was installed already" if done.already_done else command.describe


async def follow_migrations(fleet: Fleet, place: JobPlace, *, until_s: float) -> None:
    """Tell the log of migrations that run until they end or the time is over; changes nothing.

    Args:
        fleet: the environment.
        place: what :class:`~takeoff.fleet.host_jobs.JobGoesOn` said.
        until_s: seconds until this call gives up.

    Raises:
        HostUnreachable: the node gave no answer for too long.
        CommandFailed: the node knows nothing of them.
    """
    told = MigrationProgress(place.host, place.step, fleet.progress, fleet.clock)
    await fleet.jobs.follow(place, until_s=until_s, output=told.line, silent=told.silent)


def failed_attempt(error: BaseException) -> int:
    """Say which attempt's failure an error tells: one of migrations; 0 if it tells of anything else."""
    match error:
        case MigrationFailed(attempt=attempt):
            return attempt
        case JobLost(attempt=attempt, job=job) if job.rpartition("/")[2] in (REGULAR, POST_DEPLOY):
            return attempt
        case _:
            return 0


async def _run_migrations(
    fleet: Fleet, lease: Lease, step: str, command: HostCommand, attempt: int | None, stay_s: float
) -> None:
    host = fleet.environment.deploy_node.name
    log: deque[str] = deque(maxlen=_LOG_LINES)
    told = MigrationProgress(host, command.describe, fleet.progress, fleet.clock)

    def keep(line: str) -> None:
        log.append(line)
        told.line(line)

    fleet.progress.host(host, "migrating", command.describe)
    try:
        await fleet.jobs.run(
            lease,
            host,
            step,
            command.script,
            arguments=command.arguments,
            timeout_s=command.timeout_s,
            output=keep,
            describe=command.describe,
            attempt=attempt,
            stay_s=stay_s,
            silent=told.silent,
        )
    except CommandFailed as error:
        lines = decisive_lines(tuple(log) or error.output_tail.splitlines())
        failed = MigrationFailed(
            host,
            command.describe,
            error.exit_status,
            "\n".join(lines),
            "; ".join(filter(None, (error.advice, _ADVICE))),
        )
        failed.attempt = error.attempt
        raise failed from error
    fleet.progress.host(host, "migrated", command.describe)
