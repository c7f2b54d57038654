"""The settings of a local Airflow, as the environment variables that all its processes share."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from lab.airflow.secrets import AirflowSecrets

REPOSITORY = Path(__file__).resolve().parents[2]
SIMPLE_AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Taken over from the caller. Nothing else is: an `AIRFLOW__…` of the user's own must not turn this Airflow's ways."""


def airflow_environment(
    home: Path,
    environments: Path,
    secrets: AirflowSecrets,
    database: str,
    connections: Mapping[str, Mapping[str, object] | str],
    extra: Mapping[str, str],
) -> dict[str, str]:
    """Build the whole process environment, for the components and for `airflow` commands beside them.

    Args:
        home: ``AIRFLOW_HOME``: configuration, logs, passwords.
        environments: folder of the environment files, for which DAGs are made.
        secrets: accounts, keys and the API server's port.
        database: SQLAlchemy's address of the metadata database.
        connections: connection id → its fields (``conn_type``, ``host``, …), or its URI. ``airflow_api`` is added.
        extra: further variables, which win over all others.
    """
    address = f"http://127.0.0.1:{secrets.port}"
    service = {
        "conn_type": "http",
        "host": "127.0.0.1",
        "port": secrets.port,
        "schema": "http",
        "login": secrets.service.name,
        "password": secrets.service.password,
    }
    given = {"airflow_api": service, **connections}
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "AIRFLOW_HOME": str(home),
        "TAKEOFF_ENVIRONMENTS": str(environments),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        # The end of a task's process is noticed that late (seconds): its last socket closes before it can be waited
        # for, and then only the next heartbeat looks again (supervisor.py, `_monitor_subprocess`). The default is 5.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        # The default asks the resolver for the machine's full name, which can take seconds where it has no network.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__AUTH_MANAGER": SIMPLE_AUTH_MANAGER,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{secrets.admin.name}:admin,{secrets.service.name}:op",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(secrets.port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home / "logs" / "dag_processor"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        # A new environment file has its DAGs in seconds. Reading a DAG file costs a quarter second of processor time.
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "2",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "2",
        **{
            f"AIRFLOW_CONN_{name.upper()}": fields if isinstance(fields, str) else json.dumps(fields)
            for name, fields in given.items()
        },
        **extra,
    }
