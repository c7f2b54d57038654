"""The application's PostgreSQL in a process-kind lab: from a wheel, so that it needs neither root nor Debian."""

from __future__ import annotations

from pathlib import Path

import psycopg2

from lab.airflow.postgres import Postgres
from lab.state import Endpoint

CONNECTIONS = 400
"""Sessions: a web host keeps up to three, and a lab may have many."""

NAME, OWNER = "gitlabhq_production", "gitlab"


def start_database(folder: Path) -> Endpoint:
    """Start the server on ``folder``, made at the first time; one that runs already is found.

    Returns:
        Folder of its socket, and its port.

    Raises:
        LabError: it does not start.
    """
    server = Postgres(folder, CONNECTIONS)
    server.start()
    session = psycopg2.connect(host=str(server.socket_folder), user="postgres", dbname="postgres")
    try:
        session.autocommit = True
        with session.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME])
            if cursor.fetchone() is None:
                cursor.execute(f"DROP ROLE IF EXISTS {OWNER}")  # of a start that was cut off
                cursor.execute(f"CREATE ROLE {OWNER} LOGIN")
                cursor.execute(f"CREATE DATABASE {NAME} OWNER {OWNER}")
    finally:
        session.close()
    return Endpoint(address=str(server.socket_folder), port=5432)


def stop_database(folder: Path) -> None:
    """Stop the server if it runs; its data stays."""
    Postgres(folder).stop()
