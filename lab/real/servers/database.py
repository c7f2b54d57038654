"""PostgreSQL for the application: one database that every host of the lab may use without a password."""

from __future__ import annotations

from lab.real.addresses import SERVICES, Addresses
from lab.real.fleet import Fleet
from lab.real.servers.files import NodeFile, NodeFiles, service
from lab.state import Endpoint, LabError

PORT = 5432

_SETTINGS = {
    "listen_addresses": "*",
    "log_statement": "mod",
    "max_connections": "1000",
    "shared_buffers": "32MB",
    "ssl": "off",
    # A power cut of the services node is no part of the lab; the time of its commits is.
    "fsync": "off",
    "synchronous_commit": "off",
    "log_line_prefix": "%m [%p] %h ",
}

_RUN = """\
install -d -o postgres -g postgres /run/postgresql
data=$(echo /var/lib/postgresql/*/main) version=$(ls /usr/lib/postgresql)
rm -f "$data/postmaster.pid"
exec chpst -u postgres:postgres "/usr/lib/postgresql/$version/bin/postgres" -D "$data" \\
    -c config_file="/etc/postgresql/$version/main/postgresql.conf" -c hba_file=/etc/postgresql/lab_hba.conf {settings}
"""

_CREATE = """
set -eu
tries=200
until chpst -u postgres psql -qAt -d postgres -c 'SELECT 1' >/dev/null 2>&1; do
    tries=$((tries - 1)); [ "$tries" -gt 0 ] || {{ tail -n 3 /var/log/postgresql.log; exit 1; }}
    sleep 0.05
done
chpst -u postgres psql -qAt -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '{database}'" | grep -q 1 || {{
    chpst -u postgres psql -q -d postgres -c 'CREATE ROLE gitlab LOGIN'
    chpst -u postgres psql -q -d postgres -c 'CREATE DATABASE {database} OWNER gitlab'
}}
"""


def files(addresses: Addresses) -> NodeFiles:
    """The server's access rules and service."""
    settings = " ".join(f'-c {name}="{value}"' for name, value in _SETTINGS.items())
    rules = f"local all all trust\nhost all all {addresses.subnet} trust\nhost all all 127.0.0.1/32 trust\n"
    return {
        "etc/postgresql/lab_hba.conf": NodeFile(rules),
        **service("postgresql", _RUN.format(settings=settings)),
    }


def endpoint(addresses: Addresses) -> Endpoint:
    """Where hosts reach it."""
    return Endpoint(address=addresses.of(SERVICES), port=PORT)


def create(fleet: Fleet, database: str) -> None:
    """Wait for the server and make the application's role and database, unless they are there.

    Raises:
        LabError: the server does not come up; has the last lines of its log.
    """
    done = fleet.run(SERVICES, _CREATE.format(database=database), timeout_seconds=60)
    if done.status:
        raise LabError(f"PostgreSQL on {SERVICES} does not come up: {done.output.strip()}")
