"""Settings of load balancers: where their switches are, and which of their servers a host is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from takeoff.core.hosts import Host, SingleHost
from takeoff.core.strict_model import StrictModel

HAPROXY_NAME = r"^[A-Za-z0-9_.:-]+$"
"""Characters of a proxy's or server's name (HAProxy, "Configuration Manual", §2.2 and §4)."""


class ServerName(NamedTuple):
    """One server of a backend, as HAProxy's commands name it."""

    backend: str
    server: str

    def __str__(self) -> str:
        """The form of HAProxy's runtime commands: ``backend/server``."""
        return f"{self.backend}/{self.server}"


class BalancedBackend(StrictModel):
    """Which hosts are servers of a backend, by role."""

    roles: tuple[str, ...] = Field(min_length=1)
    """Roles whose hosts, of every stage, serve this backend."""
    server: str = "{host}"
    """Name of a host's server in the backend; `{host}`, `{short_host}`, `{stage}` and `{role}` are filled in."""

    @field_validator("server")
    @classmethod
    def _known_placeholders(cls, template: str) -> str:
        try:
            template.format(host="h", short_host="h", stage="s", role="r")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(f"{template!r} may hold {{host}}, {{short_host}}, {{stage}} and {{role}} only") from error
        return template


class LoadBalancer(StrictModel):
    """One HAProxy process. Several with the same backends are a redundant set: a host serves only if all say so."""

    name: str = Field(pattern=HAPROXY_NAME)
    kind: Literal["haproxy"] = "haproxy"
    host: SingleHost | None = None
    """Node that HAProxy runs on, reached over SSH like a host, so that superseded drivers are refused there too."""
    socket: str = Field(default="/run/haproxy/admin.sock", pattern=r"^/\S+$")
    """HAProxy's runtime socket on that node (`stats socket … level admin`)."""
    tcp: str | None = Field(default=None, pattern=r"^[\w.:\[\]-]+:\d+$")
    """Address and port of a runtime socket over TCP, instead of `host`. Unfenced: `validate` warns about it."""
    backends: dict[str, BalancedBackend] = Field(min_length=1)
    """Backend's name in HAProxy → the hosts that are its servers."""
    servers: dict[str, tuple[str, ...]] = {}
    """Exceptions: host → its servers as `backend/server`, instead of what `backends` gives it."""

    @model_validator(mode="after")
    def _one_way(self) -> LoadBalancer:
        if (self.host is None) == (self.tcp is None):
            raise ValueError("a load balancer needs either `host` (SSH, fenced) or `tcp` (unfenced), and not both")
        return self

    def servers_of(self, host: Host, stage: str, role: str) -> tuple[ServerName, ...]:
        """Name the servers that a host is in this balancer; empty if it is in none."""
        return tuple(self._servers_of(host, stage, role))

    def _servers_of(self, host: Host, stage: str, role: str) -> Iterator[ServerName]:
        if host.name in self.servers:
            yield from (ServerName(*name.split("/", 1)) for name in self.servers[host.name])
            return
        for backend, settings in self.backends.items():
            if role in settings.roles:
                server = settings.server.format(host=host.name, short_host=host.short_name, stage=stage, role=role)
                yield ServerName(backend, server)
