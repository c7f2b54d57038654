"""`gitlab-psql`: run one statement on the application's database."""

import argparse
import sys

import database
import migrations
import settings


def main():
    """Print rows as `psql -tA` does; 1 when the server refuses the statement."""
    parser = argparse.ArgumentParser(prog="gitlab-psql")
    parser.add_argument("-t", "-A", "-q", "-tA", "-At", action="store_true", dest="plain")
    parser.add_argument("-d", dest="database")
    parser.add_argument("-c", dest="statement", required=True)
    arguments = parser.parse_args()
    try:
        session = migrations.connect(settings.read_configuration())
        for row in session.query(arguments.statement):
            print("|".join("" if value is None else value for value in row))
    except (OSError, database.DatabaseError) as error:
        print("psql: error: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
