"""`gitlab-rake`: the tasks of GitLab's that a deploy uses."""

import os
import sys

import database
import migrations
import settings

STATUSES = {0: "paused", 1: "active", 3: "finished", 4: "failed", 5: "finalizing", 6: "finalized"}
"""Of batched background migrations, numbered as in GitLab's database."""


def write(text):
    """Print a line at once: logs of migrations are followed while they run."""
    print(text, flush=True)


def background_migrations(configuration):
    """List batched background migrations: status, then class, table, column and arguments."""
    session = migrations.connect(configuration)
    rows = session.query(
        "SELECT status, job_class_name, table_name, column_name, job_arguments"
        " FROM batched_background_migrations ORDER BY id"
    )
    session.close()
    fault = settings.fault("background-migration")  # text: the status to report for the newest one
    for index, (status, *rest) in enumerate(rows):
        word = STATUSES.get(int(status), status)
        if fault and index == len(rows) - 1:
            word = fault
        write("%s | %s" % (word.ljust(9), ",".join(rest)))


def run(task, configuration):
    """Run one task; its exit status."""
    if task in ("db:migrate", "gitlab:db:configure"):
        migrations.migrate(settings.read_package(), configuration, write)
    elif task == "db:migrate:status":
        migrations.status(settings.read_package(), configuration, write)
    elif task in ("gitlab:background_migrations:status", "gitlab:background_migrations:list"):
        background_migrations(configuration)
    elif task in ("gitlab:check", "cache:clear"):
        write("%s ... yes" % task)
    else:
        sys.stderr.write("rake aborted!\nDon't know how to build task '%s'\n" % task)
        return 1
    return 0


def main(arguments):
    """Run the tasks named in the arguments one after another, as rake does."""
    for argument in arguments:  # rake takes VARIABLE=value among its arguments
        name, separator, value = argument.partition("=")
        if separator:
            os.environ[name] = value
    configuration = settings.read_configuration()
    for task in (argument for argument in arguments if "=" not in argument):
        try:
            if status := run(task, configuration):
                return status
        except migrations.ConcurrentMigrationError:
            sys.stderr.write(
                "rake aborted!\nActiveRecord::ConcurrentMigrationError: Cannot run migrations because another "
                "migration process is currently running.\n\nTasks: TOP => %s\n" % task
            )
            return 1
        except migrations.MigrationFailed as error:
            sys.stderr.write(
                "rake aborted!\nStandardError: An error has occurred, this and all later migrations canceled:"
                "\n\n%s\n\nTasks: TOP => %s\n" % (error, task)
            )
            return 1
        except (OSError, database.DatabaseError) as error:
            sys.stderr.write("rake aborted!\nActiveRecord::ConnectionNotEstablished: %s\n" % error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
