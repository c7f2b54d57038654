"""Logins and addresses: where the engine asks for them, and what is said when one is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from takeoff.core.errors import ConfigError

if TYPE_CHECKING:
    import requests

    from takeoff.core.check_settings import Endpoint
    from takeoff.core.environment import Environment
    from takeoff.fleet.ssh_credentials import SshCredentials


class HttpAccess(NamedTuple):
    """How to talk to one outside system over HTTP.

    Attributes:
        base_url: scheme, host and path prefix, without a slash at the end.
        session: sends login, token and extra headers of the connection by itself.
        token: the connection's password, for clients that put it into a header of their own; empty if there is none.
    """

    base_url: str
    session: requests.Session
    token: str = ""


class Credentials(Protocol):
    """Where logins come from: Airflow's connections, or the shell's environment and the environment file."""

    def ssh(self, environment: Environment) -> SshCredentials:
        """Say how the environment's hosts are logged in to.

        Raises:
            ConfigError: the connection is missing or names no usable key.
        """
        ...

    def http(self, connection: str | None, url: str | None, field: str) -> HttpAccess:
        """Say how an outside system is reached.

        Args:
            connection: Airflow connection id; its host, schema and port give the address.
            url: address from the file; goes before the connection's.
            field: the environment file's field that asks, for the message: ``qa.connection``.

        Raises:
            ConfigError: the connection is missing, or there is no address.
        """
        ...


def endpoint_access(credentials: Credentials, endpoint: Endpoint, field: str) -> HttpAccess:
    """Reach an outside system as the environment file's ``field`` describes it."""
    return credentials.http(endpoint.connection, endpoint.url, f"{field}.connection")


def connection_variable(connection: str) -> str:
    """Name the variable that holds a connection."""
    return f"AIRFLOW_CONN_{connection.upper()}"


def missing_connection(connection: str, field: str) -> ConfigError:
    """Say that an Airflow connection is not there, and how to make it."""
    return ConfigError(
        f"{field}: there is no connection {connection!r}; set the variable {connection_variable(connection)}, or in "
        f"Airflow add it under Admin → Connections"
    )
