"""Logins in a triggerer, where nothing may block: an environment's connections are got before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from takeoff.core.package_settings import AptCacheSource
from takeoff.engine.credentials import HttpAccess, missing_connection
from takeoff.operators.credentials import http_access

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Connection

    from takeoff.core.environment import Environment
    from takeoff.fleet.ssh_credentials import SshCredentials


class AwaitedCredentials:
    """The engine's :class:`~takeoff.engine.credentials.Credentials` for hosts and package sources, in a trigger."""

    def __init__(self, connections: Mapping[str, Connection]) -> None:
        self._connections = connections

    @classmethod
    async def of(cls, environment: Environment) -> AwaitedCredentials:
        """Get the connections of hosts and package sources; a missing one is told when it is asked for."""
        names = {environment.ssh.connection}
        names |= {one.connection for one in environment.package.sources if not isinstance(one, AptCacheSource)}
        found = {}
        for name in names - {None}:
            try:
                found[str(name)] = await BaseHook.aget_connection(str(name))
            except AirflowNotFoundException:
                continue
        return cls(found)

    def ssh(self, environment: Environment) -> SshCredentials:
        """Say how the environment's hosts are logged in to.

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

        Raises:
            ConfigError: the connection is missing, or there is no address.
        """
        return http_access(None if connection is None else self._known(connection, field), url, field)

    def _known(self, connection: str, field: str) -> Connection:
        if (found := self._connections.get(connection)) is None:
            raise missing_connection(connection, field)
        return found
