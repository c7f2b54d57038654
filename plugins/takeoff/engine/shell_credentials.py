"""Logins without Airflow: connections as variables of the shell, in Airflow's forms, and the environment file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from takeoff.core.errors import ConfigError
from takeoff.engine.connection_text import ConnectionText, parse_connection
from takeoff.engine.credentials import HttpAccess, connection_variable, missing_connection
from takeoff.engine.ssh_login import ssh_login

if TYPE_CHECKING:
    import requests

    from takeoff.clients.airflow_api import AirflowApi
    from takeoff.core.environment import Environment
    from takeoff.fleet.ssh_credentials import SshCredentials

SESSION_OPTIONS = frozenset(
    {
        "stream",
        "cert",
        "proxies",
        "proxy",
        "timeout",
        "verify",
        "verify_ssl",
        "allow_redirects",
        "max_redirects",
        "trust_env",
        "check_response",
        "srv_lookup",
    }
)
"""Keys of an HTTP connection's extra that Airflow's HttpHook takes for itself; all others are headers."""


class ShellCredentials:
    """The engine's :class:`~takeoff.engine.credentials.Credentials` on the command line."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """Look into the process's variables, or into given ones."""
        self._variables = os.environ if variables is None else variables

    def ssh(self, environment: Environment) -> SshCredentials:
        """Say how hosts are logged in to; without the connection's variable, by what the file says alone.

        Raises:
            ConfigError: the variable is missing and the file names no key either, or it holds no connection.
        """
        settings = environment.ssh
        if settings.connection is None:
            return ssh_login(settings)
        found = self._find(settings.connection)
        if found is None:
            if settings.identity_file is None:
                raise missing_connection(settings.connection, f"{environment.name}: ssh.connection")
            return ssh_login(settings)
        return ssh_login(settings, login=found.login, port=found.port, extra=found.extra)

    def http(self, connection: str | None, url: str | None, field: str) -> HttpAccess:
        """Say how an outside system is reached.

        Raises:
            ConfigError: the connection's variable is missing or holds none, or there is no address.
        """
        import requests

        session = requests.Session()
        if connection is None:
            return HttpAccess((url or "").rstrip("/"), session)
        if (found := self._find(connection)) is None:
            raise missing_connection(connection, field)
        if not url and not found.base_url:
            raise ConfigError(f"{field}: connection {connection!r} names no host, and the file no `url`")
        _equip(session, found)
        return HttpAccess((url or found.base_url).rstrip("/"), session, found.password)

    def airflow(self) -> AirflowApi | None:
        """Reach Airflow itself; None if the shell holds no such connection, as without Airflow at all.

        Raises:
            ConfigError: the variable holds no connection, or lacks address or login.
        """
        import requests

        from takeoff.clients.airflow_api import CONNECTION, AirflowApi

        if (found := self._find(CONNECTION)) is None:
            return None
        if not (found.base_url and found.login and found.password):
            raise ConfigError(f"{connection_variable(CONNECTION)}: it needs host, login and password")
        session = requests.Session()
        _equip(session, found)
        return AirflowApi(found.base_url, found.login, found.password, session)

    def _find(self, connection: str) -> ConnectionText | None:
        variable = connection_variable(connection)
        text = self._variables.get(variable)
        return parse_connection(text, variable) if text else None


def _equip(session: requests.Session, found: ConnectionText) -> None:
    """Give a session what Airflow's HttpHook would give it."""
    if found.login:
        session.auth = (found.login, found.password)
    extra = dict(found.extra)
    session.headers.update({key: str(value) for key, value in extra.items() if key not in SESSION_OPTIONS})
    session.verify = extra.get("verify", extra.get("verify_ssl", True))
    session.cert = extra.get("cert")
    session.proxies = extra.get("proxies", extra.get("proxy", {}))
    session.trust_env = extra.get("trust_env", True)
