"""The package sources of an environment, with their logins and hosts, ready to be asked."""

from __future__ import annotations

from pathlib import Path

from takeoff.clients.apt_repository import AptRepository
from takeoff.clients.index_memory import IndexMemory
from takeoff.clients.packagecloud import Packagecloud
from takeoff.clients.sources import Source
from takeoff.core.environment import Environment
from takeoff.core.package_settings import AptCacheSource, AptSource, PackageSource
from takeoff.engine.credentials import Credentials
from takeoff.fleet.apt_cache import AptCache
from takeoff.fleet.protocols import Transport


def package_sources(
    environment: Environment, credentials: Credentials, transport: Transport
) -> dict[str, tuple[Source, ...]]:
    """Make the sources of each distribution, in the environment's order.

    Raises:
        ConfigError: a source's connection is missing.
    """
    memory = IndexMemory.of_this_user()
    numbers = {id(source): number for number, source in enumerate(environment.package.sources)}

    def build(source: PackageSource, distribution: str) -> Source:
        package, field = environment.package.name, f"package.sources.{numbers[id(source)]}.connection"
        match source:
            case AptSource():
                session = credentials.http(source.connection, source.url, field).session
                keyring = Path(source.keyring)
                return AptRepository(source, package, session, keyring, distribution=distribution, memory=memory)
            case AptCacheSource():
                host = source.host or environment.deploy_node.name
                return AptCache(transport, host, package, source_list=source.source_list, distribution=distribution)
            case _:
                access = credentials.http(source.connection, source.url, field)
                # packagecloud takes the token for a user name.
                access.session.auth = (access.token, "") if access.token else None
                return Packagecloud(source, package, access.session, source.url)

    return {
        distribution: tuple(build(source, distribution) for source in sources)
        for distribution, sources in environment.package.sources_by_distribution().items()
    }
