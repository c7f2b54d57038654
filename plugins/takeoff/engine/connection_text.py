"""Airflow connections as variables of the shell: JSON and URI, read as Airflow reads them, without importing it.

Airflow's documentation, "Managing Connections": `AIRFLOW_CONN_<ID>` holds either form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from takeoff.core.errors import ConfigError

EXTRA_KEY = "__extra__"
"""Query parameter that holds a URI's whole extra as JSON."""


@dataclass(frozen=True)
class ConnectionText:
    """One connection.

    Attributes:
        host: host name, or scheme and host; empty if none is named.
        schema: for HTTP the scheme.
        login: user name.
        password: password or token.
        port: TCP port.
        extra: what the connection's type adds: `key_file`, `private_key`, headers, …
    """

    host: str = ""
    schema: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    port: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def base_url(self) -> str:
        """Address of an HTTP connection, as Airflow's HttpHook puts it together; empty without a host."""
        if not self.host:
            return ""
        address = self.host if "://" in self.host else f"{self.schema or 'http'}://{self.host}"
        return (f"{address}:{self.port}" if self.port else address).rstrip("/")


def parse_connection(text: str, name: str) -> ConnectionText:
    """Read a connection in either form.

    Args:
        text: the variable's value; it may hold secrets, so no message repeats it.
        name: of the variable, for messages.

    Raises:
        ConfigError: it is in neither form.
    """
    try:
        return _from_json(text) if text.lstrip().startswith("{") else _from_uri(text)
    except (ValueError, TypeError, AttributeError) as error:
        # The decoder's message would quote the text.
        why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise ConfigError(
            f'{name}: is neither a connection as JSON ({{"conn_type": …}}) nor as URI (type://login:password@host): '
            f"{why}"
        ) from None


def _from_json(text: str) -> ConnectionText:
    data = json.loads(text)
    extra = data.get("extra") or {}
    port = data.get("port")
    return ConnectionText(
        host=str(data.get("host") or ""),
        schema=str(data.get("schema") or ""),
        login=str(data.get("login") or ""),
        password=str(data.get("password") or ""),
        port=int(port) if port else None,
        extra=json.loads(extra) if isinstance(extra, str) else dict(extra),
    )


def _from_uri(text: str) -> ConnectionText:
    kind, mark, rest = text.strip().partition("://")
    if not mark or not kind:
        raise ValueError("there is no :// in it")
    # `http://https://host` is Airflow's way to say that the host is reached over https.
    protocol, twice, behind = rest.partition("://")
    parts = urlsplit(f"//{behind if twice else rest}")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = _host_name(parts)
    return ConnectionText(
        host=f"{protocol}://{host}" if twice and host else host,
        schema=unquote(parts.path[1:]),
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        port=parts.port,
        extra=json.loads(query[EXTRA_KEY]) if EXTRA_KEY in query else query,
    )


def _host_name(parts: SplitResult) -> str:
    """The host, as Airflow's Connection takes it out of a URI: lower case, unless it is an address of its own."""
    host = unquote(parts.hostname or "")
    if "/" not in host:
        return host
    written = parts.netloc.rpartition("@")[2].partition(":")[0]
    return unquote(written)
