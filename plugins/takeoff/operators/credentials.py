"""Logins of outside systems, from Airflow's connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from takeoff.engine.credentials import HttpAccess, missing_connection

if TYPE_CHECKING:
    from takeoff.core.environment import Environment
    from takeoff.fleet.ssh_credentials import SshCredentials


class AirflowCredentials:
    """The engine's :class:`~takeoff.engine.credentials.Credentials` inside a task."""

    def ssh(self, environment: Environment) -> SshCredentials:
        """Say how the environment's hosts are logged in to: the file, completed by the connection that it names.

        Raises:
            ConfigError: the connection is missing or names no usable key.
        """
        from takeoff.engine.ssh_login import ssh_login

        settings = environment.ssh
        if settings.connection is None:
            return ssh_login(settings)
        found = self._known(settings.connection, f"{environment.name}: ssh.connection")
        return ssh_login(settings, login=found.login or "", port=found.port, extra=found.extra_dejson)

    def http(self, connection: str | None, url: str | None, field: str) -> HttpAccess:
        """Say how an outside system is reached.

        Args:
            connection: Airflow connection id.
            url: address from the file; goes before the connection's.
            field: the environment file's field that asks, for the message.

        Raises:
            ConfigError: the connection is missing, or there is no address.
        """
        return http_access(None if connection is None else self._known(connection, field), url, field)

    def _known(self, connection: str, field: str) -> Connection:
        return known_connection(connection, field)


def known_connection(connection: str, field: str) -> Connection:
    """Get a connection.

    Args:
        connection: its id.
        field: the environment file's field that names it, for the message.

    Raises:
        ConfigError: there is none of that id.
    """
    try:
        return BaseHook.get_connection(connection)
    except AirflowNotFoundException:
        raise missing_connection(connection, field) from None


async def awaited_http_access(connection: str | None, url: str | None, field: str) -> HttpAccess:
    """Say how an outside system is reached, in a triggerer, where nothing may block.

    Raises:
        ConfigError: the connection is missing, or there is no address.
    """
    if connection is None:
        return http_access(None, url, field)
    try:
        found = await BaseHook.aget_connection(connection)
    except AirflowNotFoundException:
        raise missing_connection(connection, field) from None
    return http_access(found, url, field)


def http_access(connection: Connection | None, url: str | None, field: str) -> HttpAccess:
    """Make the session of a connection that was got already, as the http provider makes it.

    Raises:
        ConfigError: there is no address.
    """
    import requests

    from takeoff.core.errors import ConfigError

    if connection is None:
        return HttpAccess((url or "").rstrip("/"), requests.Session())
    from airflow.providers.http.hooks.http import HttpHook

    hook = HttpHook(http_conn_id=connection.conn_id)
    # The connection is here already; asking again would block a triggerer.
    hook.get_connection = lambda conn_id: connection  # type: ignore[method-assign]
    session = hook.get_conn()
    if not url and not connection.host:
        raise ConfigError(f"{field}: connection {connection.conn_id!r} names no host, and the file no `url`")
    return HttpAccess((url or hook.base_url).rstrip("/"), session, connection.password or "")
