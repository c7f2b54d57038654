"""Looks at the application's database: which migrations it has, and who wrote them."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg2

from lab.observer.sights import DatabaseSight
from lab.state import Endpoint

DATABASE = "gitlabhq_production"
_WRITTEN = re.compile(
    r"\[\d+\] (?P<address>\S+) LOG:  statement: INSERT INTO schema_migrations VALUES \('(?P<id>\d+)'\)"
)


class DatabaseLooker:
    """Looks again and again over one connection.

    Args:
        endpoint: of the server.
        log: the server's log, with every statement that writes; None where there is no such log.
    """

    def __init__(self, endpoint: Endpoint, log: Path | None) -> None:
        self._endpoint, self._log = endpoint, log
        self._connection: psycopg2.extensions.connection | None = None
        self._read: int | None = None

    def look(self) -> DatabaseSight | None:
        """Look once; None when the server does not answer."""
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(
                    host=self._endpoint.address,
                    port=self._endpoint.port,
                    user="gitlab",
                    dbname=DATABASE,
                    connect_timeout=2,
                )
                self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = 400")
                cursor.execute("SELECT version FROM schema_migrations")
                applied = frozenset(str(row[0]) for row in cursor.fetchall())
        except psycopg2.errors.UndefinedTable:
            applied = frozenset()
        except psycopg2.Error:
            self._connection = None
            return None
        return DatabaseSight(applied, tuple(self._new_writers()))

    def _new_writers(self) -> list[tuple[str, str]]:
        if self._log is None or not self._log.exists():
            return []
        with self._log.open("rb") as stream:
            stream.seek(self._read or 0)
            content = stream.read()
        whole = content.rfind(b"\n") + 1
        first, self._read = self._read is None, (self._read or 0) + whole
        text = content[:whole].decode(errors="replace")
        return [] if first else [(match["address"], match["id"]) for match in _WRITTEN.finditer(text)]
