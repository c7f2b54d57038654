"""Logins in a triggerer, where nothing may block: an environment's connections are got before anything is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from takeoff.core.package_settings import AptCacheSource
from takeoff.engine.credentials import missing_connection
from takeoff.operators.credentials import AirflowCredentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Connection

    from takeoff.core.environment import Environment


class AwaitedCredentials(AirflowCredentials):
    """The credentials of hosts and package sources, in a trigger."""

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

    def _known(self, connection: str, field: str) -> Connection:
        if (found := self._connections.get(connection)) is None:
            raise missing_connection(connection, field)
        return found
