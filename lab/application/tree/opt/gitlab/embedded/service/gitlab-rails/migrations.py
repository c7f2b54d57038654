"""Database migrations, as `gitlab-rake` runs and lists them."""

import os
import time

import database
import settings

LOCK = 5_120_317_042
"""Key of the advisory lock that lets one migration process run at a time, as Rails has it."""


class ConcurrentMigrationError(Exception):
    """Another migration process holds the lock."""


class MigrationFailed(Exception):
    """A migration raised; those before it stay applied."""


def connect(configuration):
    """Open a session to the application's database."""
    return database.Connection(
        configuration.get("gitlab_rails.db_host", "127.0.0.1"),
        configuration.get("gitlab_rails.db_port", "5432"),
        configuration.get("gitlab_rails.db_database", "gitlabhq_production"),
    )


def skips_post_deployment():
    """Any non-empty value counts, as in GitLab."""
    return bool(os.environ.get("SKIP_POST_DEPLOYMENT_MIGRATIONS"))


def known(package):
    """The package's migrations that this process may see, oldest first."""
    return [m for m in package["migrations"] if not (m["kind"] == "post" and skips_post_deployment())]


def applied(session):
    """Ids of the migrations that the database has."""
    session.query("CREATE TABLE IF NOT EXISTS schema_migrations (version text PRIMARY KEY)")
    return {row[0] for row in session.query("SELECT version FROM schema_migrations")}


def migrate(package, configuration, write):
    """Apply what is missing, each migration in a transaction of its own."""
    session = connect(configuration)
    try:
        session.query("SET client_min_messages = warning")
        if session.query("SELECT pg_try_advisory_lock(%d)" % LOCK) != [("t",)]:
            raise ConcurrentMigrationError
        done = applied(session)
        pause = float(configuration.get("lab.migration_seconds", "0"))
        for migration in known(package):
            if migration["id"] not in done:
                _apply(session, migration, pause, write)
    finally:
        session.close()


def status(package, configuration, write):
    """List every migration that the package or the database knows, in Rails' columns."""
    session = connect(configuration)
    try:
        session.query("SET client_min_messages = warning")
        done = applied(session)
    finally:
        session.close()
    names = {m["id"]: m["name"] for m in known(package)}
    write("\ndatabase: %s\n" % configuration.get("gitlab_rails.db_database", "gitlabhq_production"))
    write(" Status   Migration ID    Migration Name\n" + "-" * 50)
    for number in sorted(done | set(names)):
        state = "up" if number in done else "down"
        write("%s  %s  %s" % (state.center(8), number.ljust(14), names.get(number, "********** NO FILE **********")))
    write("")


def _apply(session, migration, pause, write):
    title = "main: == %s %s: " % (migration["id"], migration["class"])
    write((title + "migrating ").ljust(80, "="))
    started = time.monotonic()
    deadline = settings.fault("migration-endless")
    while deadline is not None:  # the fault's effect: a migration that waits for a lock it never gets
        time.sleep(0.2)
        deadline = settings.fault("migration-endless")
    time.sleep(pause)
    try:
        session.query("BEGIN")
        for statement in migration["sql"]:
            write("main: -- " + statement)
            session.query(statement)
        if settings.fault("migration") is not None:
            session.query("SELECT no_such_column FROM schema_migrations")
        session.query("INSERT INTO schema_migrations VALUES (%s)" % database.literal(migration["id"]))
        session.query("COMMIT")
    except database.DatabaseError as error:
        session.query("ROLLBACK")
        raise MigrationFailed(str(error)) from error
    write((title + "migrated (%.4fs) " % (time.monotonic() - started)).ljust(80, "=") + "\n")
