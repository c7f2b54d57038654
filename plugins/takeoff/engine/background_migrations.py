"""Batched background migrations of the installed version, asked on the blessed node with ``gitlab-psql``."""

from __future__ import annotations

import shlex

from takeoff.core.errors import CheckFailed, CommandFailed
from takeoff.core.gates import BACKGROUND_MIGRATIONS, Finding, Weight
from takeoff.core.record_gates import some
from takeoff.engine.session import Session

STATES = {0: "paused", 1: "active", 4: "failed", 5: "finalizing"}
"""What GitLab's database writes for a migration that is neither finished (3) nor finalized (6)
(``Gitlab::Database::BackgroundMigration::BatchedMigration``)."""

STATEMENT = (
    "SELECT status, job_class_name, table_name FROM batched_background_migrations WHERE status NOT IN (3, 6)"
    " ORDER BY id"
)
"""GitLab docs, "Background migrations and upgrades", with the status added."""

OTHER_DATABASES = {"ci": "gitlabhq_production_ci"}
"""Names of databases beside ``main``, which is gitlab-psql's own choice."""

TIMEOUT_S = 60.0


async def background_migration_findings(session: Session) -> tuple[Finding, ...]:
    """Find unfinished background migrations, as the environment's gate judges them; none without the gate.

    Raises:
        HostUnreachable: the blessed node gives no answer.
        CommandFailed: the database cannot be asked.
        CheckFailed: the answer cannot be read.
    """
    gate = session.environment.gates.background_migrations
    if gate is None or gate.block == "never":
        return ()
    unfinished = [one for database in gate.databases for one in await _unfinished(session, database)]
    blocking = {4: "failed"} if gate.block == "failed" else STATES
    findings = []
    for status in dict.fromkeys(status for status, _ in unfinished):
        names = tuple(name for number, name in unfinished if number == status)
        state = STATES.get(status, f"in state {status}")
        blocks = status in blocking
        findings.append(
            Finding(
                gate=BACKGROUND_MIGRATIONS,
                weight=Weight.BLOCKS if blocks else Weight.TOLD,
                message=f"{len(names)} batched background migrations are {state}: {some(names)}",
                lifts="retry them under Admin → Monitoring → Background migrations" if status == 4 else "let them end",
            )
        )
    return tuple(findings)


async def _unfinished(session: Session, database: str) -> list[tuple[int, str]]:
    node = session.environment.deploy_node.name
    where = () if database == "main" else ("-d", OTHER_DATABASES.get(database, database))
    command = shlex.join(["gitlab-psql", *where, "-t", "-A", "-c", STATEMENT])
    done = await session.transport.run(node, command, timeout_s=TIMEOUT_S)
    if done.exit_status != 0:
        raise CommandFailed(node, "gitlab-psql", done.exit_status, done.error_text or done.text)
    found = []
    for line in filter(None, map(str.strip, done.text.splitlines())):
        status, *names = line.split("|")
        if not status.isdigit() or len(names) != 2:
            raise CheckFailed(f"{node}: gitlab-psql answered what is no list of background migrations: {line[:200]!r}")
        found.append((int(status), f"{names[0]} on {names[1]} ({database})"))
    return found
